#ifndef TAREA_WORKER_HANDLERS_ECHO_H_
#define TAREA_WORKER_HANDLERS_ECHO_H_

#include <string>

#include "absl/status/statusor.h"
#include "worker/handler.h"

namespace tarea {

// Returns the payload. For trying things out and for measuring.
absl::StatusOr<std::string> Echo(const v1::LeasedTask& task, TaskContext& context);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_ECHO_H_
