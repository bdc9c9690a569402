#ifndef TAREA_MASTER_REQUEST_VALIDATION_H_
#define TAREA_MASTER_REQUEST_VALIDATION_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/recent_output.h"
#include "master/limits.h"
#include "master/store/store.h"
#include "master/worker_registry.h"
#include "proto/tasks.pb.h"

// From what a caller sent to what the dispatcher takes: checks every field against its limits,
// fills in defaults, and says in the error which field is wrong, its value, and what it may be.
// Pure functions. INVALID_ARGUMENT unless said otherwise.
namespace tarea {

absl::StatusOr<InsertRequest> ParseSubmitTasks(const v1::SubmitTasksRequest& request,
                                               const Limits& limits);

// `peer` is where the call comes from.
absl::StatusOr<WorkerIdentity> ParseWorker(const v1::WorkerInfo& info, const std::string& peer);

absl::StatusOr<ClaimRequest> ParseRequestTask(const v1::RequestTaskRequest& request,
                                              const Limits& limits);

absl::StatusOr<std::vector<TaskResult>> ParseResults(const v1::SubmitResultRequest& request,
                                                     const Limits& limits);

absl::StatusOr<std::vector<HeldLease>> ParseHeld(const v1::HeartbeatRequest& request);

// What results bring of the output of followed tasks.
absl::StatusOr<std::vector<std::pair<Lease, TaskOutput>>> ParseOutputs(
    const v1::SubmitResultRequest& request);

// How far the one who sends a WatchTask knows the output.
absl::StatusOr<OutputOffsets> ParseWatchTask(const v1::WatchTaskRequest& request);

// How long a call is to park; not set is zero.
absl::StatusOr<absl::Duration> ParseWait(const google::protobuf::Duration& wait);

absl::StatusOr<TaskQuery> ParseListTasks(const v1::ListTasksRequest& request);
// What continues `request` after `after`.
std::string NextPageToken(const v1::ListTasksRequest& request, TaskId after);

struct BatchPage {
  BatchId before = 0;
  int limit = 0;
};
absl::StatusOr<BatchPage> ParseListBatches(const v1::ListBatchesRequest& request);

// Of CancelTasks and RetryTasks: ids or a batch, not both.
absl::StatusOr<Selection> ParseSelection(const google::protobuf::RepeatedField<int64_t>& ids,
                                         int64_t batch_id);

absl::Status CheckReason(const std::string& reason);
absl::Status CheckQueueName(const std::string& queue);
// `field` is "task_id" or "batch_id".
absl::Status CheckId(int64_t id, const char* field);

}  // namespace tarea

#endif  // TAREA_MASTER_REQUEST_VALIDATION_H_
