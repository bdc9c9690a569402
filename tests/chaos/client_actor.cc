#include "tests/chaos/client_actor.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/convert.h"

namespace tarea {
namespace {

using Op = HistoryEvent::Op;
using Phase = HistoryEvent::Phase;

constexpr absl::Duration kTimeout = absl::Seconds(3);
constexpr int kMostCalls = 6;            // of one submission
constexpr int64_t kEnoughWaiting = 150;  // tasks; more only take longer
constexpr int kKeys = 6;
constexpr size_t kBigPayload = size_t{300} << 10;

// With the ids that the answer gives; dependencies by position become ids.
std::vector<HistoryItem> Answered(const v1::SubmitTasksRequest& request,
                                  const v1::SubmitTasksResponse& response) {
  std::vector<HistoryItem> items;
  for (int i = 0; i < request.tasks_size(); ++i) {
    items.push_back(ItemOf(request.tasks(i)));
    items.back().task = response.first_task_id() + i;
  }
  for (const v1::ExistingTask& existing : response.existing()) {
    if (existing.index() < 0 || existing.index() >= request.tasks_size()) continue;
    items[existing.index()].task = existing.task_id();
    items[existing.index()].existing = true;
  }
  for (int i = 0; i < request.tasks_size(); ++i) {
    if (request.tasks(i).on_parent_failure() == v1::ON_PARENT_FAILURE_RUN) continue;
    for (const int position : request.tasks(i).depends_on_index()) {
      items[i].depends_on.push_back(items[position].task);
    }
  }
  return items;
}

std::vector<HistoryItem> Named(const std::vector<TaskId>& tasks) {
  std::vector<HistoryItem> items;
  for (const TaskId task : tasks) {
    HistoryItem item;
    item.task = task;
    items.push_back(item);
  }
  return items;
}

}  // namespace

void ClientActor::Run() {
  while (!caller_.stopped()) {
    Step();
    caller_.Pause(absl::Milliseconds(Between(random_, 1, 120)));
  }
}

void ClientActor::Step() {
  const int what = Between(random_, 1, 100);
  if (what <= 45) {
    if (known_.unfinished < kEnoughWaiting || known_.disk_full) Submit();
  } else if (what <= 55) {
    Cancel();
  } else if (what <= 62) {
    Retry();
  } else if (what <= 80) {
    ReadTask();
  } else if (what <= 90) {
    ReadBatch();
  } else {
    Watch();
  }
}

// --- Submit
// --------------------------------------------------------------------------------------------

void ClientActor::Submit() {
  const v1::SubmitTasksRequest request = MakeRequest();
  for (int call = 0; call < kMostCalls && !caller_.stopped(); ++call) {
    bool worth_repeating = false;
    const Phase phase = Send(request, worth_repeating);
    if (phase == Phase::kOk) {
      // Whoever did not get to read an answer sends a call again that was answered.
      if (Chance(random_, 10)) Send(request, worth_repeating);
      if (Chance(random_, 3)) SubmitOtherContent(request);
      return;
    }
    if (!worth_repeating || Chance(random_, 10)) return;
    caller_.Pause(absl::Milliseconds(Between(random_, 10, 400)));
  }
}

v1::SubmitTasksRequest ClientActor::MakeRequest() {
  v1::SubmitTasksRequest request;
  request.set_request_id(absl::StrCat(name_, "-", ++requests_));
  request.set_batch_name(name_);
  const int count = Chance(random_, 5) ? Between(random_, 20, 40) : Between(random_, 1, 5);
  for (int i = 0; i < count; ++i) *request.add_tasks() = MakeTask(i);
  return request;
}

v1::TaskSpec ClientActor::MakeTask(int position) {
  const std::string nonce = absl::StrCat(name_, "-", requests_, "-", position);
  v1::TaskSpec spec = tasks_.Make(random_, nonce);
  if (known_.disk_full && Chance(random_, 50)) {
    // What fits nowhere.
    spec.set_type("echo");
    spec.clear_queue();
    spec.set_payload(absl::StrCat(nonce, std::string(kBigPayload, '.')));
  }
  // What others may depend on must not turn out to be an echo that has the key.
  if (TaskMaker::MayBeParent(spec) && Chance(random_, 8)) {
    spec.set_key(absl::StrCat("key-", Between(random_, 1, kKeys)));
  }
  if (Chance(random_, 15)) {
    if (const std::optional<TaskId> parent = known_.AnyParent(random_)) {
      spec.add_depends_on(*parent);
    }
  }
  if (position > 0 && Chance(random_, 10)) {
    // Position 0 is always one that others may depend on.
    spec.add_depends_on_index(0);
  }
  if (spec.depends_on_size() + spec.depends_on_index_size() > 0 && Chance(random_, 20)) {
    spec.set_on_parent_failure(v1::ON_PARENT_FAILURE_RUN);
  }
  if (position == 0 && !TaskMaker::MayBeParent(spec)) {
    spec.set_type(kHandType);
    spec.set_queue(kHandQueue);
  }
  return spec;
}

Phase ClientActor::Send(const v1::SubmitTasksRequest& request, bool& worth_repeating) {
  std::vector<HistoryItem> items;
  for (const v1::TaskSpec& spec : request.tasks()) items.push_back(ItemOf(spec));
  const int64_t call = caller_.scribe().Begin(Op::kSubmit, items, request.request_id());
  v1::SubmitTasksResponse response;
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitTasks(&context, request, &response);
  });
  const Phase phase = caller_.Judge(status);
  worth_repeating = phase == Phase::kUnknown || absl::IsResourceExhausted(status);
  if (phase == Phase::kOk) items = Answered(request, response);
  caller_.scribe().End(call, Op::kSubmit, phase, items, response.batch_id());
  if (phase == Phase::kOk) Remember(request, response, items);
  return phase;
}

void ClientActor::Remember(const v1::SubmitTasksRequest& request,
                           const v1::SubmitTasksResponse& response,
                           const std::vector<HistoryItem>& items) {
  Known::Batch batch{.id = response.batch_id(), .tasks = {}};
  std::vector<TaskId> parents;
  for (int i = 0; i < request.tasks_size(); ++i) {
    if (items[i].existing) continue;
    batch.tasks.push_back(items[i].task);
    if (TaskMaker::MayBeParent(request.tasks(i))) parents.push_back(items[i].task);
  }
  known_.Add(batch, parents);
}

void ClientActor::SubmitOtherContent(v1::SubmitTasksRequest request) {
  request.mutable_tasks(0)->set_payload(absl::StrCat(request.tasks(0).payload(), " other"));
  bool worth_repeating = false;
  if (Send(request, worth_repeating) == Phase::kOk) {
    caller_.journal().Broken(
        absl::StrCat("request id ", request.request_id(), " was accepted with other content"));
  }
}

// --- Cancel and retry
// --------------------------------------------------------------------------------------

std::vector<TaskId> ClientActor::SomeTasks() {
  std::set<TaskId> tasks;
  for (int i = Between(random_, 1, 3); i > 0; --i) {
    if (const std::optional<TaskId> task = known_.AnyTask(random_)) tasks.insert(*task);
  }
  return {tasks.begin(), tasks.end()};
}

void ClientActor::Cancel() {
  const std::vector<TaskId> tasks = SomeTasks();
  if (tasks.empty()) return;
  v1::CancelTasksRequest request;
  request.mutable_task_ids()->Assign(tasks.begin(), tasks.end());
  request.set_reason(name_);
  v1::CancelTasksResponse response;
  const int64_t call = caller_.scribe().Begin(Op::kCancel, Named(tasks));
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.CancelTasks(&context, request, &response);
  });
  caller_.scribe().End(call, Op::kCancel, caller_.Judge(status));
}

void ClientActor::Retry() {
  const std::vector<TaskId> tasks = SomeTasks();
  if (tasks.empty()) return;
  v1::RetryTasksRequest request;
  request.mutable_task_ids()->Assign(tasks.begin(), tasks.end());
  for (const TaskId task : tasks) known_.AddRetried(task);
  v1::RetryTasksResponse response;
  const int64_t call = caller_.scribe().Begin(Op::kRetry, Named(tasks));
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.RetryTasks(&context, request, &response);
  });
  caller_.scribe().End(call, Op::kRetry, caller_.Judge(status));
}

// --- Read
// --------------------------------------------------------------------------------------------------

void ClientActor::ReadTask() {
  const std::optional<TaskId> task = known_.AnyTask(random_);
  if (!task.has_value()) return;
  v1::GetTaskRequest request;
  request.set_task_id(*task);
  v1::GetTaskResponse response;
  const int64_t call = caller_.scribe().Begin(Op::kRead, Named({*task}));
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.GetTask(&context, request, &response);
  });
  if (absl::IsNotFound(status)) return caller_.scribe().End(call, Op::kRead, Phase::kOk);
  const Phase phase = caller_.Judge(status);
  std::vector<HistoryItem> items;
  if (phase == Phase::kOk) items.push_back(ItemOf(response.task()));
  caller_.scribe().End(call, Op::kRead, phase, items);
}

void ClientActor::ReadBatch() {
  const std::optional<Known::Batch> batch = known_.AnyBatch(random_);
  if (!batch.has_value()) return;
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch->id);
  request.set_page_size(1000);
  request.set_with_payload(true);
  request.set_with_result(true);
  v1::ListTasksResponse response;
  // As two calls: one that has to find all tasks, and one that does not, for a list of several
  // pages.
  const int64_t whole = caller_.scribe().Begin(Op::kRead, Named(batch->tasks));
  const int64_t part = caller_.scribe().Begin(Op::kRead);
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.ListTasks(&context, request, &response);
  });
  const Phase phase = caller_.Judge(status);
  std::vector<HistoryItem> items;
  for (const v1::Task& task : response.tasks()) items.push_back(ItemOf(task));
  const bool is_whole = phase != Phase::kOk || response.next_page_token().empty();
  caller_.scribe().End(whole, Op::kRead, is_whole ? phase : Phase::kUnknown,
                       is_whole ? items : std::vector<HistoryItem>());
  caller_.scribe().End(part, Op::kRead, phase, items);
}

void ClientActor::Watch() {
  const std::optional<Known::Batch> batch = known_.AnyBatch(random_);
  if (!batch.has_value()) return;
  v1::WatchBatchRequest request;
  request.set_batch_id(batch->id);
  request.set_cursor(watched_[batch->id].cursor);
  request.set_with_result(true);
  bool finished = false;
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    const auto stream = stub.WatchBatch(&context, request);
    v1::WatchBatchResponse news;
    while (stream->Read(&news)) {
      TakeNews(*batch, news);
      finished = news.batch().has_finished_at();
    }
    return stream->Finish();
  });
  if (!status.ok() || !finished) return;
  const Watched& watched = watched_[batch->id];
  for (const TaskId task : batch->tasks) {
    if (watched.seen.contains(task)) continue;
    caller_.journal().Broken(absl::StrCat(name_, ": the watch of batch ", batch->id,
                                          " ended without a word of task ", task));
  }
}

void ClientActor::TakeNews(const Known::Batch& batch, const v1::WatchBatchResponse& news) {
  Watched& watched = watched_[batch.id];
  if (news.cursor() < watched.cursor) {
    caller_.journal().Broken(absl::StrCat(name_, ": the cursor of batch ", batch.id,
                                          " went back from ", watched.cursor, " to ",
                                          news.cursor()));
  }
  watched.cursor = news.cursor();
  std::vector<HistoryItem> items;
  for (const v1::Task& task : news.tasks()) {
    items.push_back(ItemOf(task));
    if (!watched.seen.insert(task.id()).second && !known_.WasRetried(task.id())) {
      caller_.journal().Broken(absl::StrCat(name_, ": the watch of batch ", batch.id,
                                            " told of task ", task.id(), " twice"));
    }
  }
  if (items.empty()) return;
  // Final states only: that they hold good whenever they are told is all there is to say.
  const int64_t call = caller_.scribe().Begin(Op::kRead);
  caller_.scribe().End(call, Op::kRead, Phase::kOk, items);
}

}  // namespace tarea
