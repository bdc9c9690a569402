#ifndef TAREA_MASTER_SECURITY_RPCS_H_
#define TAREA_MASTER_SECURITY_RPCS_H_

#include <type_traits>

#include "common/grant.h"
#include "proto/tasks.grpc.pb.h"

// What each call of TaskService needs, in the order of proto/tasks.proto: X(name, role). Whom the
// role lets call it may still be restricted to some queues, which is up to QueueScope.
#define TAREA_RPCS(X)           \
  X(SubmitTasks, Role::kSubmit) \
  X(GetTask, Role::kRead)       \
  X(ListTasks, Role::kRead)     \
  X(GetBatch, Role::kRead)      \
  X(ListBatches, Role::kRead)   \
  X(WatchBatch, Role::kRead)    \
  X(WatchTask, Role::kRead)     \
  X(CancelTasks, Role::kSubmit) \
  X(RetryTasks, Role::kSubmit)  \
  X(RequestTask, Role::kWork)   \
  X(SubmitResult, Role::kWork)  \
  X(Heartbeat, Role::kWork)     \
  X(GetStats, Role::kRead)      \
  X(ListQueues, Role::kRead)    \
  X(PauseQueue, Role::kAdmin)   \
  X(ResumeQueue, Role::kAdmin)  \
  X(ListWorkers, Role::kRead)

namespace tarea {

// protoc's plugin nests one template for each call, which names all that there are. A call that is
// missing from the table, or is out of order there, does not build.
namespace rpcs_internal {

template <template <typename> typename... Calls>
struct Nested {
  using Type = v1::TaskService::Service;
};
template <template <typename> typename First, template <typename> typename... Rest>
struct Nested<First, Rest...> {
  using Type = First<typename Nested<Rest...>::Type>;
};
template <typename Base>
using Nothing = Base;

#define TAREA_RPC_TEMPLATE(name, role) , v1::TaskService::WithAsyncMethod_##name
static_assert(
    std::is_same_v<Nested<Nothing TAREA_RPCS(TAREA_RPC_TEMPLATE)>::Type,
                   v1::TaskService::AsyncService>,
    "TAREA_RPCS has other calls than the service in proto/tasks.proto, or in another order");
#undef TAREA_RPC_TEMPLATE

}  // namespace rpcs_internal
}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_RPCS_H_
