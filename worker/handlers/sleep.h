#ifndef TAREA_WORKER_HANDLERS_SLEEP_H_
#define TAREA_WORKER_HANDLERS_SLEEP_H_

#include <string>

#include "absl/status/statusor.h"
#include "worker/handler.h"

namespace tarea {

// Sleeps for the time that the payload says ("1.5s"; see ParseDuration), reports progress while it
// does, and returns "slept 1.5s". CANCELLED if it is to stop. INVALID_ARGUMENT, not to be tried
// again, if the payload is not a duration of 0 or more.
absl::StatusOr<std::string> Sleep(const v1::LeasedTask& task, TaskContext& context);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_SLEEP_H_
