#ifndef TAREA_MASTER_CHECKED_SERVICE_H_
#define TAREA_MASTER_CHECKED_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "master/security/access.h"
#include "master/task_service.h"

namespace tarea {

// What a server registers for `service`: the same calls, with a look at who makes them (Access), by
// the table of master/security/rpcs.h, and at the bytes of a request before and after they become a
// message (MessageCheck). By itself gRPC parses whatever comes, and answers INTERNAL without a word
// if it cannot, which callers take for something to try again.
//
// Made of what protoc's plugin for gRPC makes the service itself of.
class CheckedService final : public grpc::Service {
 public:
  // Both must outlive it.
  CheckedService(TaskService* service, Access* access);
};

}  // namespace tarea

#endif  // TAREA_MASTER_CHECKED_SERVICE_H_
