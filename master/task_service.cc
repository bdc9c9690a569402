#include "master/task_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/logging.h"
#include "common/status_grpc.h"
#include "common/version.h"
#include "master/request_validation.h"
#include "master/task_stream.h"
#include "master/translate.h"

namespace tarea {
namespace {

// Tasks in one message of WatchBatch.
constexpr int kWatchPage = 500;
// Messages that bring only new counts come this far apart at least; results come at once.
constexpr absl::Duration kProgressInterval = absl::Milliseconds(100);
// How often a watch looks whether its client is still there.
constexpr absl::Duration kWatchCheck = absl::Seconds(1);

// Logs why a call was refused, and answers it.
grpc::Status Refuse(const grpc::ServerContext& context, const char* call,
                    const absl::Status& status) {
  if (!absl::IsCancelled(status)) {
    spdlog::warn("{} from {} refused: {}", call, context.peer(), Printable(status.ToString(), 512));
  }
  return ToGrpc(status);
}

// "task 17 (echo)" or "3 tasks (17..19)".
std::string Describe(const std::vector<LeasedTask>& tasks) {
  if (tasks.size() == 1) return absl::StrCat("task ", tasks[0].task_id, " (", tasks[0].type, ")");
  const auto [first, last] = std::minmax_element(
      tasks.begin(), tasks.end(),
      [](const LeasedTask& a, const LeasedTask& b) { return a.task_id < b.task_id; });
  return absl::StrCat(tasks.size(), " tasks (", first->task_id, "..", last->task_id, ")");
}

const char* Name(ResultOutcome outcome) {
  switch (outcome) {
    case ResultOutcome::kSucceeded:
      return "succeeded";
    case ResultOutcome::kFailed:
      return "failed";
    case ResultOutcome::kTimedOut:
      return "timed out";
    case ResultOutcome::kCancelled:
      return "cancelled";
    case ResultOutcome::kReleased:
      return "given back";
  }
  return "";
}

// "task 17: succeeded" or "60 results: 58 succeeded, 2 failed; 1 stale".
std::string Describe(const std::vector<TaskResult>& results,
                     const std::vector<ResultStatus>& statuses) {
  std::array<int, 6> counts = {};
  int dropped = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (statuses[i] == ResultStatus::kRecorded) {
      counts[static_cast<int>(results[i].outcome)]++;
    } else {
      dropped++;
    }
  }
  std::string text = results.size() == 1 ? absl::StrCat("result of task ", results[0].task_id, ":")
                                         : absl::StrCat(results.size(), " results:");
  const char* separator = " ";
  for (int outcome = 1; outcome <= 5; ++outcome) {
    if (counts[outcome] == 0) continue;
    absl::StrAppend(&text, separator, results.size() == 1 ? "" : absl::StrCat(counts[outcome], " "),
                    Name(static_cast<ResultOutcome>(outcome)));
    separator = ", ";
  }
  if (dropped > 0) absl::StrAppend(&text, separator, dropped, " stale or unknown, dropped");
  return text;
}

std::string Display(const WorkerIdentity& worker) {
  return Printable(worker.name.empty() ? worker.id : worker.name);
}

}  // namespace

TaskService::TaskService(Dispatcher* dispatcher, const Limits& limits)
    : dispatcher_(dispatcher), limits_(limits), started_at_(dispatcher->clock().Now()) {}

// --- Clients
// -------------------------------------------------------------------------------------------

grpc::Status TaskService::SubmitTasks(grpc::ServerContext* context,
                                      const v1::SubmitTasksRequest* request,
                                      v1::SubmitTasksResponse* response) {
  const absl::StatusOr<InsertRequest> insert = ParseSubmitTasks(*request, limits_);
  if (!insert.ok()) return Refuse(*context, "SubmitTasks", insert.status());
  const absl::StatusOr<InsertAnswer> answer = dispatcher_->Submit(*insert);
  if (!answer.ok()) return Refuse(*context, "SubmitTasks", answer.status());
  response->set_batch_id(answer->batch_id);
  response->set_first_task_id(answer->first_task_id);
  for (const InsertAnswer::Existing& existing : answer->existing) {
    v1::ExistingTask* proto = response->add_existing();
    proto->set_index(existing.index);
    proto->set_task_id(existing.task_id);
  }
  spdlog::info("batch {}: {} {} from {}", answer->batch_id,
               answer->repeated ? "received again" : "received",
               CountOf(static_cast<int64_t>(insert->tasks.size()), "task"), context->peer());
  return grpc::Status::OK;
}

grpc::Status TaskService::GetTask(grpc::ServerContext* context, const v1::GetTaskRequest* request,
                                  v1::GetTaskResponse* response) {
  if (const absl::Status status = CheckId(request->task_id(), "task_id"); !status.ok()) {
    return Refuse(*context, "GetTask", status);
  }
  const absl::StatusOr<Task> task = dispatcher_->store().GetTask(request->task_id());
  if (!task.ok()) return Refuse(*context, "GetTask", task.status());
  ToProto(*task, response->mutable_task());
  if (const std::optional<TaskProgress> progress = dispatcher_->ProgressOf(task->core)) {
    response->mutable_task()->mutable_progress()->set_fraction(progress->fraction);
    response->mutable_task()->mutable_progress()->set_message(progress->message);
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::ListTasks(grpc::ServerContext* context,
                                    const v1::ListTasksRequest* request,
                                    v1::ListTasksResponse* response) {
  const absl::StatusOr<TaskQuery> query = ParseListTasks(*request);
  if (!query.ok()) return Refuse(*context, "ListTasks", query.status());
  const absl::StatusOr<TaskPage> page = dispatcher_->store().ListTasks(*query);
  if (!page.ok()) return Refuse(*context, "ListTasks", page.status());
  for (const Task& task : page->tasks) ToProto(task, response->add_tasks());
  if (page->next != 0) response->set_next_page_token(NextPageToken(*request, page->next));
  return grpc::Status::OK;
}

grpc::Status TaskService::GetBatch(grpc::ServerContext* context, const v1::GetBatchRequest* request,
                                   v1::GetBatchResponse* response) {
  if (const absl::Status status = CheckId(request->batch_id(), "batch_id"); !status.ok()) {
    return Refuse(*context, "GetBatch", status);
  }
  const absl::StatusOr<Batch> batch = dispatcher_->store().GetBatch(request->batch_id());
  if (!batch.ok()) return Refuse(*context, "GetBatch", batch.status());
  ToProto(*batch, response->mutable_batch());
  return grpc::Status::OK;
}

grpc::Status TaskService::ListBatches(grpc::ServerContext* context,
                                      const v1::ListBatchesRequest* request,
                                      v1::ListBatchesResponse* response) {
  const absl::StatusOr<BatchPage> page = ParseListBatches(*request);
  if (!page.ok()) return Refuse(*context, "ListBatches", page.status());
  const absl::StatusOr<std::vector<Batch>> batches =
      dispatcher_->store().ListBatches(page->before, page->limit);
  if (!batches.ok()) return Refuse(*context, "ListBatches", batches.status());
  for (const Batch& batch : *batches) ToProto(batch, response->add_batches());
  if (static_cast<int>(batches->size()) == page->limit) {
    response->set_next_page_token(absl::StrCat(batches->back().id));
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::WatchBatch(grpc::ServerContext* context,
                                     const v1::WatchBatchRequest* request,
                                     grpc::ServerWriter<v1::WatchBatchResponse>* writer) {
  absl::Status status = CheckId(request->batch_id(), "batch_id");
  if (status.ok() && request->cursor() < 0) {
    status = absl::InvalidArgumentError(absl::StrCat(
        "cursor is ", request->cursor(), "; it must be 0, or the cursor of an earlier message"));
  }
  if (!status.ok()) return Refuse(*context, "WatchBatch", status);
  const absl::StatusOr<std::unique_ptr<BatchWatchers::Watch>> watch =
      dispatcher_->Watch(request->batch_id());
  if (!watch.ok()) return Refuse(*context, "WatchBatch", watch.status());

  Clock& clock = dispatcher_->clock();
  int64_t cursor = request->cursor();
  absl::Time last_sent = absl::InfinitePast();
  bool stale = true;  // the client has not seen the counts as they are
  while (!context->IsCancelled()) {
    const absl::StatusOr<FinishedPage> page = dispatcher_->store().ListFinished(
        request->batch_id(), cursor, kWatchPage, request->with_result());
    if (!page.ok()) return Refuse(*context, "WatchBatch", page.status());
    const bool finished = page->batch.Finished() && !page->more;
    const absl::Time now = clock.Now();
    if (!page->tasks.empty() || finished || (stale && now - last_sent >= kProgressInterval)) {
      v1::WatchBatchResponse response;
      for (const Task& task : page->tasks) ToProto(task, response.add_tasks());
      response.set_cursor(page->cursor);
      ToProto(page->batch, response.mutable_batch());
      if (!writer->Write(response)) break;
      cursor = page->cursor;
      last_sent = now;
      stale = false;
    }
    if (finished) return grpc::Status::OK;
    if (page->more) continue;
    if (dispatcher_->shutting_down()) {
      return {grpc::StatusCode::UNAVAILABLE, "the master is shutting down"};
    }
    const absl::Duration wait = stale ? last_sent + kProgressInterval - now : kWatchCheck;
    if ((*watch)->AwaitChange(wait)) stale = true;
  }
  return grpc::Status::CANCELLED;
}

grpc::Status TaskService::WatchTask(grpc::ServerContext* context,
                                    const v1::WatchTaskRequest* request,
                                    grpc::ServerWriter<v1::WatchTaskResponse>* writer) {
  const absl::Status status =
      TaskStream(dispatcher_)
          .Run(
              *request, [context] { return context->IsCancelled(); },
              [writer](const v1::WatchTaskResponse& response) { return writer->Write(response); });
  if (!status.ok()) return Refuse(*context, "WatchTask", status);
  return grpc::Status::OK;
}

grpc::Status TaskService::CancelTasks(grpc::ServerContext* context,
                                      const v1::CancelTasksRequest* request,
                                      v1::CancelTasksResponse* response) {
  const absl::StatusOr<Selection> selection =
      ParseSelection(request->task_ids(), request->batch_id());
  if (!selection.ok()) return Refuse(*context, "CancelTasks", selection.status());
  if (const absl::Status status = CheckReason(request->reason()); !status.ok()) {
    return Refuse(*context, "CancelTasks", status);
  }
  const absl::StatusOr<CancelAnswer> answer = dispatcher_->Cancel(*selection, request->reason());
  if (!answer.ok()) return Refuse(*context, "CancelTasks", answer.status());
  response->set_cancelled(answer->cancelled);
  response->set_stopping(answer->stopping);
  response->set_finished(answer->finished);
  spdlog::info("cancel from {}: {} cancelled, {} told to stop, {} finished already",
               context->peer(), CountOf(answer->cancelled, "task"), answer->stopping,
               answer->finished);
  return grpc::Status::OK;
}

grpc::Status TaskService::RetryTasks(grpc::ServerContext* context,
                                     const v1::RetryTasksRequest* request,
                                     v1::RetryTasksResponse* response) {
  const absl::StatusOr<Selection> selection =
      ParseSelection(request->task_ids(), request->batch_id());
  if (!selection.ok()) return Refuse(*context, "RetryTasks", selection.status());
  const absl::StatusOr<RetryAnswer> answer = dispatcher_->Retry(*selection);
  if (!answer.ok()) return Refuse(*context, "RetryTasks", answer.status());
  response->set_retried(answer->retried);
  response->set_skipped(answer->skipped);
  spdlog::info("retry from {}: {} put back, {} skipped", context->peer(),
               CountOf(answer->retried, "task"), answer->skipped);
  return grpc::Status::OK;
}

// --- Workers
// -------------------------------------------------------------------------------------------

grpc::Status TaskService::RequestTask(grpc::ServerContext* context,
                                      const v1::RequestTaskRequest* request,
                                      v1::RequestTaskResponse* response) {
  const absl::StatusOr<WorkerIdentity> worker = ParseWorker(request->worker(), context->peer());
  if (!worker.ok()) return Refuse(*context, "RequestTask", worker.status());
  const absl::StatusOr<ClaimRequest> claim = ParseRequestTask(*request, limits_);
  if (!claim.ok()) return Refuse(*context, "RequestTask", claim.status());
  const absl::StatusOr<absl::Duration> wait = ParseWait(request->wait());
  if (!wait.ok()) return Refuse(*context, "RequestTask", wait.status());

  absl::StatusOr<std::vector<LeasedTask>> tasks =
      dispatcher_->Request(*worker, *claim, *wait, [context] { return context->IsCancelled(); });
  if (!tasks.ok()) return Refuse(*context, "RequestTask", tasks.status());
  if (!tasks->empty()) {
    spdlog::info("assigned {} to worker '{}'", Describe(*tasks), Display(*worker));
  }
  for (LeasedTask& task : *tasks) {
    v1::LeasedTask* proto = response->add_tasks();
    proto->set_follow(dispatcher_->IsFollowed(task.task_id));
    ToProto(std::move(task), proto);
  }
  *response->mutable_lease() = ToProto(dispatcher_->options().lease);
  return grpc::Status::OK;
}

grpc::Status TaskService::SubmitResult(grpc::ServerContext* context,
                                       const v1::SubmitResultRequest* request,
                                       v1::SubmitResultResponse* response) {
  const absl::StatusOr<WorkerIdentity> worker = ParseWorker(request->worker(), context->peer());
  if (!worker.ok()) return Refuse(*context, "SubmitResult", worker.status());
  const absl::StatusOr<std::vector<TaskResult>> results = ParseResults(*request, limits_);
  if (!results.ok()) return Refuse(*context, "SubmitResult", results.status());
  const absl::StatusOr<std::vector<std::pair<Lease, TaskOutput>>> outputs = ParseOutputs(*request);
  if (!outputs.ok()) return Refuse(*context, "SubmitResult", outputs.status());
  // Before their tasks are finished, which ends the streams of those who follow them.
  for (const auto& [lease, output] : *outputs) dispatcher_->TakeOutput(lease, output);
  const absl::StatusOr<std::vector<ResultStatus>> statuses =
      dispatcher_->Complete(*worker, *results);
  if (!statuses.ok()) return Refuse(*context, "SubmitResult", statuses.status());
  for (const ResultStatus status : *statuses) {
    response->add_statuses(static_cast<v1::ResultStatus>(status));
  }
  if (!results->empty()) {
    spdlog::info("worker '{}': {}", Display(*worker), Describe(*results, *statuses));
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::Heartbeat(grpc::ServerContext* context,
                                    const v1::HeartbeatRequest* request,
                                    v1::HeartbeatResponse* response) {
  const absl::StatusOr<WorkerIdentity> worker = ParseWorker(request->worker(), context->peer());
  if (!worker.ok()) return Refuse(*context, "Heartbeat", worker.status());
  if (request->leaving()) {
    dispatcher_->Goodbye(*worker);
    spdlog::info("worker '{}' left", Display(*worker));
    return grpc::Status::OK;
  }
  if (request->draining()) {
    if (const absl::Status status = dispatcher_->Drain(*worker); !status.ok()) {
      return Refuse(*context, "Heartbeat", status);
    }
    spdlog::info("worker '{}' takes no more tasks", Display(*worker));
    return grpc::Status::OK;
  }
  const absl::StatusOr<std::vector<HeldLease>> held = ParseHeld(*request);
  if (!held.ok()) return Refuse(*context, "Heartbeat", held.status());
  const absl::StatusOr<absl::Duration> wait = ParseWait(request->wait());
  if (!wait.ok()) return Refuse(*context, "Heartbeat", wait.status());
  const absl::StatusOr<std::vector<Stop>> stops =
      dispatcher_->Heartbeat(*worker, *held, *wait, [context] { return context->IsCancelled(); });
  if (!stops.ok()) return Refuse(*context, "Heartbeat", stops.status());
  for (const Stop& stop : *stops) {
    v1::StopTask* proto = response->add_stop();
    proto->set_task_id(stop.task_id);
    proto->set_lease_id(static_cast<uint64_t>(stop.lease_id));
    proto->set_reason(static_cast<v1::StopReason>(stop.reason));
  }
  for (const FollowOrder& order : dispatcher_->FollowOrders(worker->id)) {
    v1::FollowTask* proto = response->add_follow();
    proto->set_lease_id(static_cast<uint64_t>(order.lease_id));
    proto->set_stdout_offset(order.offsets[OutputStream::kStdout]);
    proto->set_stderr_offset(order.offsets[OutputStream::kStderr]);
  }
  *response->mutable_lease() = ToProto(dispatcher_->options().lease);
  return grpc::Status::OK;
}

// --- Operators
// -----------------------------------------------------------------------------------------

grpc::Status TaskService::GetStats(grpc::ServerContext* context, const v1::GetStatsRequest*,
                                   v1::GetStatsResponse* response) {
  Store& store = dispatcher_->store();
  const absl::StatusOr<std::vector<Queue>> queues = store.ListQueues();
  if (!queues.ok()) return Refuse(*context, "GetStats", queues.status());
  const absl::StatusOr<int64_t> batches = store.CountBatches();
  if (!batches.ok()) return Refuse(*context, "GetStats", batches.status());
  Counts total;
  for (const Queue& queue : *queues) {
    for (int i = 0; i < kTaskStates; ++i) total.by_state[i] += queue.counts.by_state[i];
  }
  ToProto(total, response->mutable_counts());
  response->set_batches(*batches);
  response->set_workers(dispatcher_->worker_count());
  response->set_parked_polls(dispatcher_->parked_polls());
  response->set_version(std::string(Version()));
  response->set_store(store.name());
  response->set_durability(store.durability());
  *response->mutable_started_at() = ToProto(started_at_);
  return grpc::Status::OK;
}

grpc::Status TaskService::ListQueues(grpc::ServerContext* context, const v1::ListQueuesRequest*,
                                     v1::ListQueuesResponse* response) {
  const absl::StatusOr<std::vector<Queue>> queues = dispatcher_->store().ListQueues();
  if (!queues.ok()) return Refuse(*context, "ListQueues", queues.status());
  const absl::Time now = dispatcher_->clock().Now();
  for (const Queue& queue : *queues) ToProto(queue, now, response->add_queues());
  return grpc::Status::OK;
}

grpc::Status TaskService::PauseQueue(grpc::ServerContext* context,
                                     const v1::PauseQueueRequest* request,
                                     v1::PauseQueueResponse*) {
  absl::Status status = CheckQueueName(request->queue());
  if (status.ok()) status = dispatcher_->SetPaused(request->queue(), true);
  if (!status.ok()) return Refuse(*context, "PauseQueue", status);
  spdlog::info("queue '{}' paused by {}", request->queue(), context->peer());
  return grpc::Status::OK;
}

grpc::Status TaskService::ResumeQueue(grpc::ServerContext* context,
                                      const v1::ResumeQueueRequest* request,
                                      v1::ResumeQueueResponse*) {
  absl::Status status = CheckQueueName(request->queue());
  if (status.ok()) status = dispatcher_->SetPaused(request->queue(), false);
  if (!status.ok()) return Refuse(*context, "ResumeQueue", status);
  spdlog::info("queue '{}' resumed by {}", request->queue(), context->peer());
  return grpc::Status::OK;
}

grpc::Status TaskService::ListWorkers(grpc::ServerContext*, const v1::ListWorkersRequest*,
                                      v1::ListWorkersResponse* response) {
  for (const WorkerStatus& worker : dispatcher_->Workers()) {
    ToProto(worker, response->add_workers());
  }
  return grpc::Status::OK;
}

}  // namespace tarea
