#ifndef TAREA_COMMON_GRPC_LOG_H_
#define TAREA_COMMON_GRPC_LOG_H_

namespace tarea {

// Sends what gRPC itself logs to spdlog, at level debug: what matters of it comes back as a status
// too, and is reported in our words. Call it once, after InitLogging.
void RouteGrpcLog();

}  // namespace tarea

#endif  // TAREA_COMMON_GRPC_LOG_H_
