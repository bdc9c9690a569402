#include "master/task_service.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/logging.h"
#include "common/status_grpc.h"
#include "common/version.h"
#include "master/describe.h"
#include "master/request_validation.h"
#include "master/security/queue_scope.h"
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

AuditSubject SubjectOf(const InsertRequest& request, const InsertAnswer& answer) {
  AuditSubject subject{
      .batch = answer.batch_id, .tasks = static_cast<int64_t>(request.tasks.size()), .queues = {}};
  for (const TaskSpec& task : request.tasks) subject.queues.insert(task.queue);
  return subject;
}

absl::StatusOr<WorkerIdentity> WorkerOf(const Call& call, const v1::WorkerInfo& info) {
  absl::StatusOr<WorkerIdentity> worker = ParseWorker(info, call.caller.address);
  if (worker.ok()) worker->owner = call.caller.name;
  return worker;
}

std::string Display(const WorkerIdentity& worker) {
  return Printable(worker.name.empty() ? worker.id : worker.name);
}

}  // namespace

TaskService::TaskService(Dispatcher* dispatcher, const Limits& limits, AuditLog* audit)
    : dispatcher_(dispatcher),
      audit_(audit),
      limits_(limits),
      started_at_(dispatcher->clock().Now()),
      known_queues_(&dispatcher->store()),
      submissions_(static_cast<double>(limits.submit_rate),
                   static_cast<double>(limits.submit_rate)) {}

grpc::Status TaskService::Refuse(const Call& call, const char* name, const absl::Status& status) {
  if (!absl::IsCancelled(status)) {
    spdlog::warn("{} from {} refused: {}", name, Describe(call.caller),
                 Printable(status.ToString(), 512));
  }
  if (absl::IsPermissionDenied(status)) audit_->Record(call.caller, name, status);
  return ToGrpc(status);
}

absl::Status TaskService::CheckRate(const Call& call, size_t tasks) {
  if (limits_.submit_rate == 0) return absl::OkStatus();
  const std::string& name = call.caller.name;
  const absl::Duration wait =
      submissions_.Take(name.empty() ? call.caller.host() : name, static_cast<double>(tasks),
                        dispatcher_->clock().Now());
  if (wait <= absl::ZeroDuration()) return absl::OkStatus();
  // For programs, in whatever language.
  call.context.AddTrailingMetadata(
      "retry-after-ms",
      absl::StrCat(absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)))));
  return absl::ResourceExhaustedError(absl::StrCat(
      "'", Printable(name.empty() ? call.caller.host() : name, 64), "' submits more than ",
      limits_.submit_rate, " tasks a second (--max-submit-rate); try again in ",
      absl::FormatDuration(absl::Ceil(wait, absl::Milliseconds(100)))));
}

QueueScope TaskService::Scope(const Call& call) {
  return {call.caller, dispatcher_->store(), known_queues_};
}

// --- Clients
// -------------------------------------------------------------------------------------------

grpc::Status TaskService::SubmitTasks(const Call& call, const v1::SubmitTasksRequest* request,
                                      v1::SubmitTasksResponse* response) {
  const absl::StatusOr<InsertRequest> insert = ParseSubmitTasks(*request, limits_);
  if (!insert.ok()) return Refuse(call, "SubmitTasks", insert.status());
  if (const absl::Status status = Scope(call).Check(*insert); !status.ok()) {
    return Refuse(call, "SubmitTasks", status);
  }
  if (const absl::Status status = CheckRate(call, insert->tasks.size()); !status.ok()) {
    return Refuse(call, "SubmitTasks", status);
  }
  const absl::StatusOr<InsertAnswer> answer = dispatcher_->Submit(*insert);
  if (!answer.ok()) return Refuse(call, "SubmitTasks", answer.status());
  response->set_batch_id(answer->batch_id);
  response->set_first_task_id(answer->first_task_id);
  for (const InsertAnswer::Existing& existing : answer->existing) {
    v1::ExistingTask* proto = response->add_existing();
    proto->set_index(existing.index);
    proto->set_task_id(existing.task_id);
  }
  spdlog::info("batch {}: {} {} from {}", answer->batch_id,
               answer->repeated ? "received again" : "received",
               CountOf(static_cast<int64_t>(insert->tasks.size()), "task"), Describe(call.caller));
  if (audit_->on()) {
    audit_->Record(call.caller, "SubmitTasks", absl::OkStatus(), SubjectOf(*insert, *answer));
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::GetTask(const Call& call, const v1::GetTaskRequest* request,
                                  v1::GetTaskResponse* response) {
  if (const absl::Status status = CheckId(request->task_id(), "task_id"); !status.ok()) {
    return Refuse(call, "GetTask", status);
  }
  if (const absl::Status status = Scope(call).CheckTask(request->task_id()); !status.ok()) {
    return Refuse(call, "GetTask", status);
  }
  const absl::StatusOr<Task> task = dispatcher_->store().GetTask(request->task_id());
  if (!task.ok()) return Refuse(call, "GetTask", task.status());
  ToProto(*task, response->mutable_task());
  if (const std::optional<TaskProgress> progress = dispatcher_->ProgressOf(task->core)) {
    response->mutable_task()->mutable_progress()->set_fraction(progress->fraction);
    response->mutable_task()->mutable_progress()->set_message(progress->message);
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::ListTasks(const Call& call, const v1::ListTasksRequest* request,
                                    v1::ListTasksResponse* response) {
  const absl::StatusOr<TaskQuery> query = ParseListTasks(*request);
  if (!query.ok()) return Refuse(call, "ListTasks", query.status());
  if (const absl::Status status = Scope(call).Check(*query); !status.ok()) {
    return Refuse(call, "ListTasks", status);
  }
  const absl::StatusOr<TaskPage> page = dispatcher_->store().ListTasks(*query);
  if (!page.ok()) return Refuse(call, "ListTasks", page.status());
  for (const Task& task : page->tasks) ToProto(task, response->add_tasks());
  if (page->next != 0) response->set_next_page_token(NextPageToken(*request, page->next));
  return grpc::Status::OK;
}

grpc::Status TaskService::GetBatch(const Call& call, const v1::GetBatchRequest* request,
                                   v1::GetBatchResponse* response) {
  if (const absl::Status status = CheckId(request->batch_id(), "batch_id"); !status.ok()) {
    return Refuse(call, "GetBatch", status);
  }
  if (const absl::Status status = Scope(call).CheckBatch(request->batch_id()); !status.ok()) {
    return Refuse(call, "GetBatch", status);
  }
  const absl::StatusOr<Batch> batch = dispatcher_->store().GetBatch(request->batch_id());
  if (!batch.ok()) return Refuse(call, "GetBatch", batch.status());
  ToProto(*batch, response->mutable_batch());
  return grpc::Status::OK;
}

grpc::Status TaskService::ListBatches(const Call& call, const v1::ListBatchesRequest* request,
                                      v1::ListBatchesResponse* response) {
  const absl::StatusOr<BatchPage> page = ParseListBatches(*request);
  if (!page.ok()) return Refuse(call, "ListBatches", page.status());
  const absl::StatusOr<std::vector<Batch>> batches =
      dispatcher_->store().ListBatches(page->before, page->limit);
  if (!batches.ok()) return Refuse(call, "ListBatches", batches.status());
  const QueueScope scope = Scope(call);
  for (const Batch& batch : *batches) {
    const absl::Status status = scope.CheckBatch(batch.id);
    if (status.ok()) {
      ToProto(batch, response->add_batches());
    } else if (!absl::IsPermissionDenied(status)) {
      return Refuse(call, "ListBatches", status);
    }
  }
  if (static_cast<int>(batches->size()) == page->limit) {
    response->set_next_page_token(absl::StrCat(batches->back().id));
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::WatchBatch(const Call& call, const v1::WatchBatchRequest* request,
                                     grpc::ServerWriter<v1::WatchBatchResponse>* writer) {
  absl::Status status = CheckId(request->batch_id(), "batch_id");
  if (status.ok() && request->cursor() < 0) {
    status = absl::InvalidArgumentError(absl::StrCat(
        "cursor is ", request->cursor(), "; it must be 0, or the cursor of an earlier message"));
  }
  const QueueScope scope = Scope(call);
  if (status.ok()) status = scope.CheckBatch(request->batch_id());
  if (!status.ok()) return Refuse(call, "WatchBatch", status);
  const absl::StatusOr<std::unique_ptr<BatchWatchers::Watch>> watch =
      dispatcher_->Watch(request->batch_id());
  if (!watch.ok()) return Refuse(call, "WatchBatch", watch.status());

  Clock& clock = dispatcher_->clock();
  int64_t cursor = request->cursor();
  absl::Time last_sent = absl::InfinitePast();
  bool stale = true;  // the client has not seen the counts as they are
  while (!call.context.IsCancelled()) {
    // An open batch may have got tasks of other queues since.
    if (status = scope.CheckBatch(request->batch_id()); !status.ok()) {
      return Refuse(call, "WatchBatch", status);
    }
    const absl::StatusOr<FinishedPage> page = dispatcher_->store().ListFinished(
        request->batch_id(), cursor, kWatchPage, request->with_result());
    if (!page.ok()) return Refuse(call, "WatchBatch", page.status());
    const bool finished = page->batch.Finished() && !page->more;
    const absl::Time now = clock.Now();
    if (!page->tasks.empty() || finished || (stale && now - last_sent >= kProgressInterval)) {
      v1::WatchBatchResponse response;
      for (const Task& task : page->tasks) {
        if (scope.Allows(task.spec.queue)) ToProto(task, response.add_tasks());
      }
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

grpc::Status TaskService::WatchTask(const Call& call, const v1::WatchTaskRequest* request,
                                    grpc::ServerWriter<v1::WatchTaskResponse>* writer) {
  absl::Status status = CheckId(request->task_id(), "task_id");
  status.Update(Scope(call).CheckTask(request->task_id()));
  if (status.ok()) {
    status = TaskStream(dispatcher_)
                 .Run(
                     *request, [&call] { return call.context.IsCancelled(); },
                     [writer](const v1::WatchTaskResponse& response) {
                       return writer->Write(response);
                     });
  }
  if (!status.ok()) return Refuse(call, "WatchTask", status);
  return grpc::Status::OK;
}

grpc::Status TaskService::CancelTasks(const Call& call, const v1::CancelTasksRequest* request,
                                      v1::CancelTasksResponse* response) {
  const absl::StatusOr<Selection> selection =
      ParseSelection(request->task_ids(), request->batch_id());
  if (!selection.ok()) return Refuse(call, "CancelTasks", selection.status());
  if (const absl::Status status = Scope(call).Check(*selection); !status.ok()) {
    return Refuse(call, "CancelTasks", status);
  }
  if (const absl::Status status = CheckReason(request->reason()); !status.ok()) {
    return Refuse(call, "CancelTasks", status);
  }
  const absl::StatusOr<CancelAnswer> answer = dispatcher_->Cancel(*selection, request->reason());
  if (!answer.ok()) return Refuse(call, "CancelTasks", answer.status());
  response->set_cancelled(answer->cancelled);
  response->set_stopping(answer->stopping);
  response->set_finished(answer->finished);
  spdlog::info("cancel from {}: {} cancelled, {} told to stop, {} finished already",
               Describe(call.caller), CountOf(answer->cancelled, "task"), answer->stopping,
               answer->finished);
  audit_->Record(
      call.caller, "CancelTasks", absl::OkStatus(),
      {.batch = request->batch_id(), .tasks = answer->cancelled + answer->stopping, .queues = {}});
  return grpc::Status::OK;
}

grpc::Status TaskService::RetryTasks(const Call& call, const v1::RetryTasksRequest* request,
                                     v1::RetryTasksResponse* response) {
  const absl::StatusOr<Selection> selection =
      ParseSelection(request->task_ids(), request->batch_id());
  if (!selection.ok()) return Refuse(call, "RetryTasks", selection.status());
  if (const absl::Status status = Scope(call).Check(*selection); !status.ok()) {
    return Refuse(call, "RetryTasks", status);
  }
  const absl::StatusOr<RetryAnswer> answer = dispatcher_->Retry(*selection);
  if (!answer.ok()) return Refuse(call, "RetryTasks", answer.status());
  response->set_retried(answer->retried);
  response->set_skipped(answer->skipped);
  spdlog::info("retry from {}: {} put back, {} skipped", Describe(call.caller),
               CountOf(answer->retried, "task"), answer->skipped);
  audit_->Record(call.caller, "RetryTasks", absl::OkStatus(),
                 {.batch = request->batch_id(), .tasks = answer->retried, .queues = {}});
  return grpc::Status::OK;
}

// --- Workers
// -------------------------------------------------------------------------------------------

grpc::Status TaskService::RequestTask(const Call& call, const v1::RequestTaskRequest* request,
                                      v1::RequestTaskResponse* response) {
  const absl::StatusOr<WorkerIdentity> worker = WorkerOf(call, request->worker());
  if (!worker.ok()) return Refuse(call, "RequestTask", worker.status());
  const absl::StatusOr<ClaimRequest> claim = ParseRequestTask(*request, limits_);
  if (!claim.ok()) return Refuse(call, "RequestTask", claim.status());
  if (const absl::Status status = Scope(call).Check(*claim); !status.ok()) {
    return Refuse(call, "RequestTask", status);
  }
  const absl::StatusOr<absl::Duration> wait = ParseWait(request->wait());
  if (!wait.ok()) return Refuse(call, "RequestTask", wait.status());

  absl::StatusOr<std::vector<LeasedTask>> tasks =
      dispatcher_->Request(*worker, *claim, *wait, [&call] { return call.context.IsCancelled(); });
  if (!tasks.ok()) return Refuse(call, "RequestTask", tasks.status());
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

grpc::Status TaskService::SubmitResult(const Call& call, const v1::SubmitResultRequest* request,
                                       v1::SubmitResultResponse* response) {
  const absl::StatusOr<WorkerIdentity> worker = WorkerOf(call, request->worker());
  if (!worker.ok()) return Refuse(call, "SubmitResult", worker.status());
  const absl::StatusOr<std::vector<TaskResult>> results = ParseResults(*request, limits_);
  if (!results.ok()) return Refuse(call, "SubmitResult", results.status());
  const absl::StatusOr<std::vector<std::pair<Lease, TaskOutput>>> outputs = ParseOutputs(*request);
  if (!outputs.ok()) return Refuse(call, "SubmitResult", outputs.status());
  if (const absl::Status status = Scope(call).Check(*results); !status.ok()) {
    return Refuse(call, "SubmitResult", status);
  }
  if (const absl::Status status = dispatcher_->CheckOwner(*worker); !status.ok()) {
    return Refuse(call, "SubmitResult", status);
  }
  // Before their tasks are finished, which ends the streams of those who follow them.
  for (const auto& [lease, output] : *outputs) dispatcher_->TakeOutput(lease, output);
  const absl::StatusOr<std::vector<ResultStatus>> statuses =
      dispatcher_->Complete(*worker, *results);
  if (!statuses.ok()) return Refuse(call, "SubmitResult", statuses.status());
  for (const ResultStatus status : *statuses) {
    response->add_statuses(static_cast<v1::ResultStatus>(status));
  }
  if (!results->empty()) {
    spdlog::info("worker '{}': {}", Display(*worker), Describe(*results, *statuses));
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::Heartbeat(const Call& call, const v1::HeartbeatRequest* request,
                                    v1::HeartbeatResponse* response) {
  const absl::StatusOr<WorkerIdentity> worker = WorkerOf(call, request->worker());
  if (!worker.ok()) return Refuse(call, "Heartbeat", worker.status());
  if (request->leaving()) {
    if (const absl::Status status = dispatcher_->Goodbye(*worker); !status.ok()) {
      return Refuse(call, "Heartbeat", status);
    }
    spdlog::info("worker '{}' left", Display(*worker));
    return grpc::Status::OK;
  }
  if (request->draining()) {
    if (const absl::Status status = dispatcher_->Drain(*worker); !status.ok()) {
      return Refuse(call, "Heartbeat", status);
    }
    spdlog::info("worker '{}' takes no more tasks", Display(*worker));
    return grpc::Status::OK;
  }
  const absl::StatusOr<std::vector<HeldLease>> held = ParseHeld(*request);
  if (!held.ok()) return Refuse(call, "Heartbeat", held.status());
  if (const absl::Status status = Scope(call).Check(*held); !status.ok()) {
    return Refuse(call, "Heartbeat", status);
  }
  const absl::StatusOr<absl::Duration> wait = ParseWait(request->wait());
  if (!wait.ok()) return Refuse(call, "Heartbeat", wait.status());
  const absl::StatusOr<std::vector<Stop>> stops =
      dispatcher_->Heartbeat(*worker, *held, *wait, [&call] { return call.context.IsCancelled(); });
  if (!stops.ok()) return Refuse(call, "Heartbeat", stops.status());
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

grpc::Status TaskService::GetStats(const Call& call, const v1::GetStatsRequest*,
                                   v1::GetStatsResponse* response) {
  Store& store = dispatcher_->store();
  const absl::StatusOr<std::vector<Queue>> queues = store.ListQueues();
  if (!queues.ok()) return Refuse(call, "GetStats", queues.status());
  const absl::StatusOr<int64_t> batches = store.CountBatches();
  if (!batches.ok()) return Refuse(call, "GetStats", batches.status());
  Counts total;
  for (const Queue& queue : *queues) {
    if (!call.caller.grant.AllowsQueue(queue.name)) continue;
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

grpc::Status TaskService::ListQueues(const Call& call, const v1::ListQueuesRequest*,
                                     v1::ListQueuesResponse* response) {
  const absl::StatusOr<std::vector<Queue>> queues = dispatcher_->store().ListQueues();
  if (!queues.ok()) return Refuse(call, "ListQueues", queues.status());
  const absl::Time now = dispatcher_->clock().Now();
  for (const Queue& queue : *queues) {
    if (call.caller.grant.AllowsQueue(queue.name)) ToProto(queue, now, response->add_queues());
  }
  return grpc::Status::OK;
}

grpc::Status TaskService::PauseQueue(const Call& call, const v1::PauseQueueRequest* request,
                                     v1::PauseQueueResponse*) {
  absl::Status status = CheckQueueName(request->queue());
  if (status.ok()) {
    status = Scope(call).CheckQueue(request->queue());
  }
  if (status.ok()) status = dispatcher_->SetPaused(request->queue(), true);
  if (!status.ok()) return Refuse(call, "PauseQueue", status);
  spdlog::info("queue '{}' paused by {}", request->queue(), Describe(call.caller));
  audit_->Record(call.caller, "PauseQueue", absl::OkStatus(),
                 {.batch = 0, .tasks = 0, .queues = {request->queue()}});
  return grpc::Status::OK;
}

grpc::Status TaskService::ResumeQueue(const Call& call, const v1::ResumeQueueRequest* request,
                                      v1::ResumeQueueResponse*) {
  absl::Status status = CheckQueueName(request->queue());
  if (status.ok()) {
    status = Scope(call).CheckQueue(request->queue());
  }
  if (status.ok()) status = dispatcher_->SetPaused(request->queue(), false);
  if (!status.ok()) return Refuse(call, "ResumeQueue", status);
  spdlog::info("queue '{}' resumed by {}", request->queue(), Describe(call.caller));
  audit_->Record(call.caller, "ResumeQueue", absl::OkStatus(),
                 {.batch = 0, .tasks = 0, .queues = {request->queue()}});
  return grpc::Status::OK;
}

grpc::Status TaskService::ListWorkers(const Call& call, const v1::ListWorkersRequest*,
                                      v1::ListWorkersResponse* response) {
  const QueueScope scope = Scope(call);
  for (WorkerStatus& worker : dispatcher_->Workers()) {
    // With those of its queues that concern the caller.
    std::erase_if(worker.queues, [&](const std::string& queue) { return !scope.Allows(queue); });
    if (scope.restricted() && worker.queues.empty()) continue;
    ToProto(worker, response->add_workers());
  }
  return grpc::Status::OK;
}

}  // namespace tarea
