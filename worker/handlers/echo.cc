#include "worker/handlers/echo.h"

namespace tarea {

absl::StatusOr<std::string> Echo(const v1::LeasedTask& task, TaskContext& /*context*/) {
  return task.payload();
}

}  // namespace tarea
