#include "common/grpc_log.h"

#include <grpc/support/log.h>
#include <spdlog/spdlog.h>

namespace tarea {

void RouteGrpcLog() {
  gpr_set_log_function([](gpr_log_func_args* args) { spdlog::debug("grpc: {}", args->message); });
}

}  // namespace tarea
