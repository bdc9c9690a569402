#ifndef TAREA_TESTS_CHAOS_RUN_H_
#define TAREA_TESTS_CHAOS_RUN_H_

#include "absl/status/status.h"
#include "tests/chaos/options.h"

namespace tarea {

// A whole run: starts everything, lets the storm loose on it, waits until all tasks are finished,
// and checks what everybody saw. Prints what it found. True if all promises were kept.
// `mount_namespace` says whether EnterMountNamespace succeeded.
bool RunChaos(const ChaosOptions& options, const absl::Status& mount_namespace);

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_RUN_H_
