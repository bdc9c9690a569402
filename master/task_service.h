#ifndef TAREA_MASTER_TASK_SERVICE_H_
#define TAREA_MASTER_TASK_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "absl/time/time.h"
#include "master/dispatcher.h"
#include "master/limits.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {

// The contract of proto/tasks.proto, one thin method per call: checks the request
// (request_validation.h), calls the dispatcher or reads the store, translates the answer
// (translate.h). No state and no policy. Thread-safe.
class TaskService final : public v1::TaskService::Service {
 public:
  // `dispatcher` must outlive it and be started.
  TaskService(Dispatcher* dispatcher, const Limits& limits);

  grpc::Status SubmitTasks(grpc::ServerContext* context, const v1::SubmitTasksRequest* request,
                           v1::SubmitTasksResponse* response) override;
  grpc::Status GetTask(grpc::ServerContext* context, const v1::GetTaskRequest* request,
                       v1::GetTaskResponse* response) override;
  grpc::Status ListTasks(grpc::ServerContext* context, const v1::ListTasksRequest* request,
                         v1::ListTasksResponse* response) override;
  grpc::Status GetBatch(grpc::ServerContext* context, const v1::GetBatchRequest* request,
                        v1::GetBatchResponse* response) override;
  grpc::Status ListBatches(grpc::ServerContext* context, const v1::ListBatchesRequest* request,
                           v1::ListBatchesResponse* response) override;
  grpc::Status WatchBatch(grpc::ServerContext* context, const v1::WatchBatchRequest* request,
                          grpc::ServerWriter<v1::WatchBatchResponse>* writer) override;
  grpc::Status WatchTask(grpc::ServerContext* context, const v1::WatchTaskRequest* request,
                         grpc::ServerWriter<v1::WatchTaskResponse>* writer) override;
  grpc::Status CancelTasks(grpc::ServerContext* context, const v1::CancelTasksRequest* request,
                           v1::CancelTasksResponse* response) override;
  grpc::Status RetryTasks(grpc::ServerContext* context, const v1::RetryTasksRequest* request,
                          v1::RetryTasksResponse* response) override;
  grpc::Status RequestTask(grpc::ServerContext* context, const v1::RequestTaskRequest* request,
                           v1::RequestTaskResponse* response) override;
  grpc::Status SubmitResult(grpc::ServerContext* context, const v1::SubmitResultRequest* request,
                            v1::SubmitResultResponse* response) override;
  grpc::Status Heartbeat(grpc::ServerContext* context, const v1::HeartbeatRequest* request,
                         v1::HeartbeatResponse* response) override;
  grpc::Status GetStats(grpc::ServerContext* context, const v1::GetStatsRequest* request,
                        v1::GetStatsResponse* response) override;
  grpc::Status ListQueues(grpc::ServerContext* context, const v1::ListQueuesRequest* request,
                          v1::ListQueuesResponse* response) override;
  grpc::Status PauseQueue(grpc::ServerContext* context, const v1::PauseQueueRequest* request,
                          v1::PauseQueueResponse* response) override;
  grpc::Status ResumeQueue(grpc::ServerContext* context, const v1::ResumeQueueRequest* request,
                           v1::ResumeQueueResponse* response) override;
  grpc::Status ListWorkers(grpc::ServerContext* context, const v1::ListWorkersRequest* request,
                           v1::ListWorkersResponse* response) override;

 private:
  Dispatcher* const dispatcher_;
  const Limits limits_;
  const absl::Time started_at_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_TASK_SERVICE_H_
