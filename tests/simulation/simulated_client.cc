#include "tests/simulation/simulated_client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

constexpr absl::Duration kDeadline = absl::Seconds(2);
constexpr absl::Duration kWatchWait = absl::Seconds(5);
constexpr size_t kRemembered = 60;

template <typename Answer>
using Serve = std::function<absl::StatusOr<Answer>(Dispatcher&, const std::function<bool()>&)>;

}  // namespace

void SimulatedClient::OnStart() {
  busy_ = 0;
  Spawn([this] { Live(); });
}

void SimulatedClient::Live() {
  while (true) {
    Sleep(scheduler().Between(absl::Milliseconds(1), absl::Milliseconds(200)));
    if (world().calm()) return;
    ++busy_;
    DoSomething();
    --busy_;
  }
}

void SimulatedClient::DoSomething() {
  const int64_t dice = scheduler().Below(100);
  if (dice < 45 || tasks_.empty()) return Submit();
  if (dice < 50 && !sent_.empty()) {
    // Again, and it must be the same batch.
    return Send(sent_[static_cast<size_t>(scheduler().Below(static_cast<int64_t>(sent_.size())))]);
  }
  if (dice < 60) return Cancel();
  if (dice < 66) return Retry();
  if (dice < 69) return Pause();
  Read();
}

// --- Submitting
// ------------------------------------------------------------------------------------

TaskSpec SimulatedClient::NextTask(int position) {
  Scheduler& chance = scheduler();
  TaskSpec spec;
  spec.type = "t";
  spec.queue = chance.OneIn(4) ? "b" : "a";
  spec.payload = absl::StrCat(chance.Below(int64_t{1} << 60));
  spec.priority = static_cast<int>(chance.Below(3));
  if (chance.OneIn(8)) spec.delay = chance.Between(absl::Milliseconds(1), absl::Seconds(3));
  if (chance.OneIn(6)) spec.key = absl::StrCat("k", chance.Below(4));
  if (chance.OneIn(12)) spec.expires_in = chance.Between(absl::Milliseconds(1), absl::Seconds(5));
  if (position > 0 && chance.OneIn(4)) {
    spec.depends_on_index.push_back(static_cast<int>(chance.Below(position)));
  }
  if (!tasks_.empty() && chance.OneIn(8)) {
    spec.depends_on.push_back(
        tasks_[static_cast<size_t>(chance.Below(static_cast<int64_t>(tasks_.size())))]);
  }
  spec.run_on_parent_failure = chance.OneIn(4);
  spec.retry.max_attempts = static_cast<int>(1 + chance.Below(4));
  spec.retry.initial_backoff = absl::Milliseconds(100);
  spec.retry.max_backoff = absl::Seconds(1);
  return spec;
}

SimulatedClient::Submission SimulatedClient::NextSubmission() {
  Submission submission;
  InsertRequest& request = submission.request;
  request.request_id = absl::StrCat(name(), "-", ++requests_);
  const int64_t count = 1 + scheduler().Below(scheduler().OneIn(5) ? 30 : 4);
  for (int i = 0; i < count; ++i) {
    const TaskSpec& spec = request.tasks.emplace_back(NextTask(i));
    absl::StrAppend(&request.content_hash, spec.payload, ",");
    HistoryItem& item = submission.items.emplace_back();
    item.max_attempts = spec.retry.max_attempts;
    item.key = spec.key;
    if (!spec.key.empty()) item.key = absl::StrCat(spec.queue, "/", spec.key);
    if (!absl::SimpleAtoi(spec.payload, &item.payload)) item.payload = ~uint64_t{0};
    if (!spec.run_on_parent_failure) item.depends_on = spec.depends_on;
  }
  return submission;
}

void SimulatedClient::Submit() {
  Submission submission = NextSubmission();
  Send(submission);
  sent_.push_back(std::move(submission));
  if (sent_.size() > kRemembered) sent_.erase(sent_.begin());
}

absl::StatusOr<InsertAnswer> SimulatedClient::SendOnce(Submission& submission) {
  HistoryEvent event =
      Invoke(HistoryEvent::Op::kSubmit, submission.items, submission.request.request_id);
  const absl::StatusOr<InsertAnswer> answer = world().network().Call<InsertAnswer>(
      link(), kDeadline,
      [request = submission.request](Dispatcher& dispatcher, const std::function<bool()>&) {
        return dispatcher.Submit(request);
      });
  if (answer.ok()) {
    event.batch = answer->batch_id;
    for (size_t i = 0; i < event.items.size(); ++i) {
      HistoryItem& item = event.items[i];
      item.task = answer->first_task_id + static_cast<TaskId>(i);
    }
    for (const InsertAnswer::Existing& existing : answer->existing) {
      HistoryItem& item = event.items[static_cast<size_t>(existing.index)];
      item.task = existing.task_id;
      item.existing = true;
    }
    for (size_t i = 0; i < event.items.size(); ++i) {
      if (submission.request.tasks[i].run_on_parent_failure) continue;
      for (const int parent : submission.request.tasks[i].depends_on_index) {
        event.items[i].depends_on.push_back(event.items[static_cast<size_t>(parent)].task);
      }
    }
  }
  Answered(event, answer.status());
  return answer;
}

void SimulatedClient::Send(Submission submission) {
  while (true) {
    const absl::StatusOr<InsertAnswer> answer = SendOnce(submission);
    if (answer.ok()) {
      Learn(submission, *answer);
      if (scheduler().OneIn(30)) SendSpoilt(std::move(submission));
      return;
    }
    if (absl::IsInvalidArgument(answer.status()) || absl::IsNotFound(answer.status()) ||
        absl::IsAlreadyExists(answer.status()) || absl::IsFailedPrecondition(answer.status())) {
      return;
    }
    Sleep(scheduler().Between(absl::Milliseconds(1), absl::Milliseconds(300)));
  }
}

void SimulatedClient::Learn(const Submission& submission, const InsertAnswer& answer) {
  if (answer.repeated) world().Count("submission repeated");
  world().Count("submitted", static_cast<int64_t>(submission.items.size()));
  for (size_t i = 0; i < submission.items.size(); ++i) {
    tasks_.push_back(answer.first_task_id + static_cast<TaskId>(i));
  }
  for (const InsertAnswer::Existing& existing : answer.existing) {
    tasks_[tasks_.size() - submission.items.size() + static_cast<size_t>(existing.index)] =
        existing.task_id;
  }
  if (!scheduler().OneIn(4)) return;
  Spawn([this, batch = answer.batch_id] { Watch(batch); });
}

// Uses its request id for something else: that has to be refused.
void SimulatedClient::SendSpoilt(Submission submission) {
  submission.request.content_hash += "x";
  const absl::StatusOr<InsertAnswer> answer = world().network().Call<InsertAnswer>(
      link(), kDeadline,
      [request = submission.request](Dispatcher& dispatcher, const std::function<bool()>&) {
        return dispatcher.Submit(request);
      });
  if (answer.ok()) world().Violation("other content was taken under a request id that was used");
  world().Count("request id used again for something else");
}

TaskId SimulatedClient::AnyTask() {
  return tasks_[static_cast<size_t>(scheduler().Below(static_cast<int64_t>(tasks_.size())))];
}

// --- The rest
// ------------------------------------------------------------------------------------

void SimulatedClient::Cancel() {
  Selection selection;
  HistoryItem item;
  item.task = AnyTask();
  selection.ids = {item.task};
  HistoryEvent event = Invoke(HistoryEvent::Op::kCancel, {item});
  const absl::StatusOr<CancelAnswer> answer = world().network().Call<CancelAnswer>(
      link(), kDeadline, [selection](Dispatcher& dispatcher, const std::function<bool()>&) {
        return dispatcher.Cancel(selection, "not wanted");
      });
  if (answer.ok()) world().Count("cancelled", answer->cancelled + answer->stopping);
  Answered(event, answer.status());
}

void SimulatedClient::Retry() {
  Selection selection;
  HistoryItem item;
  item.task = AnyTask();
  selection.ids = {item.task};
  world().WillRetry(item.task);
  HistoryEvent event = Invoke(HistoryEvent::Op::kRetry, {item});
  const absl::StatusOr<RetryAnswer> answer = world().network().Call<RetryAnswer>(
      link(), kDeadline, [selection](Dispatcher& dispatcher, const std::function<bool()>&) {
        return dispatcher.Retry(selection);
      });
  if (answer.ok()) world().Count("retried by hand", answer->retried);
  Answered(event, answer.status());
}

void SimulatedClient::Read() {
  HistoryItem item;
  item.task = AnyTask();
  HistoryEvent event = Invoke(HistoryEvent::Op::kRead, {item});
  const absl::StatusOr<Task> task = world().network().Call<Task>(
      link(), kDeadline, [id = item.task](Dispatcher& dispatcher, const std::function<bool()>&) {
        return dispatcher.store().GetTask(id);
      });
  if (task.ok()) event.items = {ItemOf(*task)};
  Answered(event, task.status());
}

void SimulatedClient::Pause() {
  const bool paused = scheduler().OneIn(2);
  const absl::StatusOr<bool> answer = world().network().Call<bool>(
      link(), kDeadline,
      [paused](Dispatcher& dispatcher, const std::function<bool()>&) -> absl::StatusOr<bool> {
        const absl::Status status = dispatcher.SetPaused("b", paused);
        if (!status.ok()) return status;
        return true;
      });
  if (answer.ok()) world().Count(paused ? "queue paused" : "queue resumed");
}

// Reads the finished tasks of a batch as they come, over several calls: each is to be told once.
void SimulatedClient::Watch(BatchId batch) {
  std::set<TaskId> seen;
  int64_t cursor = 0;
  while (true) {
    const Serve<FinishedPage> serve =
        [batch, cursor](Dispatcher& dispatcher,
                        const std::function<bool()>& gone) -> absl::StatusOr<FinishedPage> {
      const auto watch = dispatcher.Watch(batch);
      if (!watch.ok()) return watch.status();
      absl::StatusOr<FinishedPage> page = dispatcher.store().ListFinished(batch, cursor, 5, true);
      if (page.ok() && page->tasks.empty() && !page->batch.Finished() && !gone()) {
        (*watch)->AwaitChange(kWatchWait);
        page = dispatcher.store().ListFinished(batch, cursor, 5, true);
      }
      return page;
    };
    const absl::StatusOr<FinishedPage> page =
        world().network().Call<FinishedPage>(link(), kWatchWait + kDeadline, serve);
    if (!page.ok()) {
      if (absl::IsNotFound(page.status())) {
        world().Violation(absl::StrCat("batch ", batch, " of an answered submission is not there"));
        return;
      }
      Sleep(scheduler().Between(absl::Milliseconds(10), absl::Milliseconds(300)));
      continue;
    }
    for (const Task& task : page->tasks) {
      world().Count("finished task told to a watcher");
      if (!seen.insert(task.core.id).second && !world().was_retried(task.core.id)) {
        world().Violation(absl::StrCat("a watcher was told twice of task ", task.core.id));
      }
    }
    cursor = page->cursor;
    if (!page->more && page->batch.Finished()) {
      if (static_cast<int64_t>(seen.size()) < page->batch.counts.Total()) {
        world().Violation(absl::StrCat("a watcher of batch ", batch, " was told of ", seen.size(),
                                       " of its ", page->batch.counts.Total(), " tasks"));
      }
      return;
    }
  }
}

}  // namespace tarea
