#ifndef TAREA_MASTER_TASK_SERVICE_H_
#define TAREA_MASTER_TASK_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "absl/time/time.h"
#include "master/dispatcher.h"
#include "master/limits.h"
#include "master/security/audit_log.h"
#include "master/security/caller.h"
#include "master/security/known_queues.h"
#include "master/security/queue_scope.h"
#include "master/security/rate_limiter.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {

// The contract of proto/tasks.proto, one thin method per call: checks the request
// (request_validation.h), calls the dispatcher or reads the store, translates the answer
// (translate.h). Whether the caller's role includes the call was looked at before (CheckedService);
// here it is about what the call names (QueueScope). No state and no policy. Thread-safe.
class TaskService {
 public:
  // Both must outlive it; `dispatcher` must be started.
  TaskService(Dispatcher* dispatcher, const Limits& limits, AuditLog* audit);

  grpc::Status SubmitTasks(const Call& call, const v1::SubmitTasksRequest* request,
                           v1::SubmitTasksResponse* response);
  grpc::Status GetTask(const Call& call, const v1::GetTaskRequest* request,
                       v1::GetTaskResponse* response);
  grpc::Status ListTasks(const Call& call, const v1::ListTasksRequest* request,
                         v1::ListTasksResponse* response);
  grpc::Status GetBatch(const Call& call, const v1::GetBatchRequest* request,
                        v1::GetBatchResponse* response);
  grpc::Status ListBatches(const Call& call, const v1::ListBatchesRequest* request,
                           v1::ListBatchesResponse* response);
  grpc::Status WatchBatch(const Call& call, const v1::WatchBatchRequest* request,
                          grpc::ServerWriter<v1::WatchBatchResponse>* writer);
  grpc::Status WatchTask(const Call& call, const v1::WatchTaskRequest* request,
                         grpc::ServerWriter<v1::WatchTaskResponse>* writer);
  grpc::Status CancelTasks(const Call& call, const v1::CancelTasksRequest* request,
                           v1::CancelTasksResponse* response);
  grpc::Status RetryTasks(const Call& call, const v1::RetryTasksRequest* request,
                          v1::RetryTasksResponse* response);
  grpc::Status RequestTask(const Call& call, const v1::RequestTaskRequest* request,
                           v1::RequestTaskResponse* response);
  grpc::Status SubmitResult(const Call& call, const v1::SubmitResultRequest* request,
                            v1::SubmitResultResponse* response);
  grpc::Status Heartbeat(const Call& call, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response);
  grpc::Status GetStats(const Call& call, const v1::GetStatsRequest* request,
                        v1::GetStatsResponse* response);
  grpc::Status ListQueues(const Call& call, const v1::ListQueuesRequest* request,
                          v1::ListQueuesResponse* response);
  grpc::Status PauseQueue(const Call& call, const v1::PauseQueueRequest* request,
                          v1::PauseQueueResponse* response);
  grpc::Status ResumeQueue(const Call& call, const v1::ResumeQueueRequest* request,
                           v1::ResumeQueueResponse* response);
  grpc::Status ListWorkers(const Call& call, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response);

 private:
  QueueScope Scope(const Call& call);
  // RESOURCE_EXHAUSTED: the caller has submitted too much lately; also tells when to try again.
  absl::Status CheckRate(const Call& call, size_t tasks);
  // Logs why a call was refused, and answers it.
  grpc::Status Refuse(const Call& call, const char* name, const absl::Status& status);

  Dispatcher* const dispatcher_;
  AuditLog* const audit_;
  const Limits limits_;
  const absl::Time started_at_;
  KnownQueues known_queues_;
  RateLimiter submissions_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_TASK_SERVICE_H_
