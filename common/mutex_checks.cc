#include "common/mutex_checks.h"

#include "absl/synchronization/mutex.h"

namespace tarea {

void SkipMutexChecks() { absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore); }

}  // namespace tarea
