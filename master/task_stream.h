#ifndef TAREA_MASTER_TASK_STREAM_H_
#define TAREA_MASTER_TASK_STREAM_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "master/dispatcher.h"
#include "master/request_validation.h"
#include "proto/tasks.pb.h"

namespace tarea {

// One WatchTask: tells a client what a task writes and what becomes of it, to its end. Not
// thread-safe.
class TaskStream {
 public:
  // Whether the client has gone away.
  using Gone = absl::FunctionRef<bool()>;
  // Sends a message; false if the client has gone.
  using Send = absl::FunctionRef<bool(const v1::WatchTaskResponse&)>;

  // `dispatcher` must outlive it.
  explicit TaskStream(Dispatcher* dispatcher) : dispatcher_(*dispatcher) {}

  // Blocks until the task is finished (OK) or the client has gone (CANCELLED). INVALID_ARGUMENT,
  // NOT_FOUND; RESOURCE_EXHAUSTED: too many clients follow tasks; UNAVAILABLE: the master is
  // shutting down.
  absl::Status Run(const v1::WatchTaskRequest& request, Gone gone, Send send);

 private:
  // The task without payload and result: it is read often.
  absl::StatusOr<Task> Read(TaskId id);
  // Reads the task if it may have changed, and puts it into `response` if it has.
  absl::Status Look(TaskId id, v1::WatchTaskResponse& response);
  // All of a finished task but its payload.
  absl::StatusOr<v1::WatchTaskResponse> Last(TaskId id);

  Dispatcher& dispatcher_;
  bool stale_ = true;  // the task may have changed since it was read
  absl::Time last_look_ = absl::InfinitePast();
  TaskCore task_;
  v1::Task sent_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_TASK_STREAM_H_
