#include "tests/store/model_twins.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/store/model_show.h"

namespace tarea {
namespace {

constexpr absl::Duration kLease = absl::Seconds(5);
constexpr int kStepsBetweenDumps = 50;

}  // namespace

Twins::Twins(const StoreKind& left, const StoreKind& right, NumberSource& numbers)
    : numbers_(numbers),
      requests_(numbers),
      left_(left.make(ModelRequests::Limits())),
      right_(right.make(ModelRequests::Limits())) {}

void Twins::Run(int steps) {
  for (step_ = 1; difference_.empty(); ++step_) {
    if (requests_.OneIn(100)) Restart();
    RunTransaction();
    Read();
    const bool last = step_ >= steps || numbers_.empty();
    if (last || step_ % kStepsBetweenDumps == 0) Dump();
    if (last) return;
  }
}

// --- Comparing

template <typename T>
void Twins::Same(const std::string& what, const T& left, const T& right) {
  const std::string left_text = Show(left);
  const std::string right_text = Show(right);
  if (left_text == right_text || !difference_.empty()) return;
  difference_ = absl::StrCat("step ", step_, ": ", what, "\n", left_->store().name(), ": ",
                             left_text, "\n", right_->store().name(), ": ", right_text,
                             "\nthe verbs before it:\n", absl::StrJoin(trace_, "\n"));
}

template <typename Ask>
auto Twins::AskBoth(const std::string& what, Ask ask) {
  auto left = ask(left_->store());
  Same(what, left, ask(right_->store()));
  return left;
}

template <typename Ask>
void Twins::CheckBoth(const std::string& what, Ask ask) {
  AskBoth(what, ask).IgnoreError();  // an error has been compared
}

template <typename Verb>
auto Twins::RunBoth(const std::string& what, Verb verb) {
  auto left = verb(*left_tx_);
  Same(what, left, verb(*right_tx_));
  trace_.push_back(
      absl::StrCat("[", step_, "] ", Show(now_), " ", what, " -> ", Show(left).substr(0, 200)));
  if (trace_.size() > 60) trace_.pop_front();
  return left;
}

void Twins::Count(const std::string& name, int64_t times) { counts_[name] += times; }

// --- Steps

void Twins::Restart() {
  left_->Reopen();
  right_->Reopen();
  Count("restart");
}

void Twins::RunTransaction() {
  now_ += requests_.TimeStep();
  left_tx_ = left_->store().Begin();
  right_tx_ = right_->store().Begin();
  for (int64_t verbs = 1 + requests_.Below(4); verbs > 0; --verbs) {
    RunVerb();
    // Nothing of an open transaction is to be seen.
    const TaskId id = requests_.AnyTask();
    CheckBoth(absl::StrCat("GetTask ", id), [id](Store& store) { return store.GetTask(id); });
    if (requests_.OneIn(10)) now_ += absl::Microseconds(1);
  }
  if (requests_.OneIn(8)) {
    Count("transaction dropped");
  } else {
    RunBoth("Commit", [](Transaction& tx) { return tx.Commit(); }).IgnoreError();
    Same("effects", left_tx_->effects(), right_tx_->effects());
  }
  left_tx_.reset();
  right_tx_.reset();
  for (const TaskId id : std::exchange(retried_, {})) {
    const auto task = left_->store().GetTask(id);
    Count("retried task waits for a parent", task.ok() && task->core.state == TaskState::kBlocked);
  }
}

void Twins::RunVerb() {
  const int64_t dice = requests_.Below(100);
  if (dice < 20) return Insert();
  if (dice < 40) return Claim();
  if (dice < 62) return Complete();
  if (dice < 68) return Renew();
  if (dice < 82) return Advance();
  if (dice < 83) return ExtendLeases();
  if (dice < 88) return Cancel();
  if (dice < 94) return Retry();
  if (dice < 97) return SetPaused();
  Purge();
}

void Twins::Insert() {
  const InsertRequest request = requests_.NextInsert();
  const auto answer =
      RunBoth(absl::StrCat("Insert ", request.tasks.size(), " into ", request.batch_id),
              [&](Transaction& tx) { return tx.Insert(now_, request); });
  if (!answer.ok()) return Count(absl::StrCat("insert refused: ", Show(answer)));
  requests_.Learn(request, *answer);
  Count(answer->repeated ? "insert repeated" : "insert");
  Count("key taken", static_cast<int64_t>(answer->existing.size()));
}

void Twins::Claim() {
  const ClaimRequest request = requests_.NextClaim();
  const auto leased =
      RunBoth(absl::StrCat("Claim ", request.max_tasks, " of ", absl::StrJoin(request.queues, ","),
                           "/", absl::StrJoin(request.types, ",")),
              [&](Transaction& tx) { return tx.Claim(now_, kLease, request); });
  if (!leased.ok()) return;
  requests_.Learn(*leased);
  Count(leased->empty() ? "claim without tasks" : "claim");
  for (const LeasedTask& task : *leased) Count("claim of a second attempt", task.attempt > 1);
}

void Twins::Complete() {
  const std::vector<TaskResult> results = requests_.NextResults();
  std::string what = "Complete";
  for (const TaskResult& result : results) {
    absl::StrAppend(&what, " ", result.task_id, "/", result.lease_id, "=",
                    static_cast<int>(result.outcome));
  }
  const auto statuses = RunBoth(what, [&](Transaction& tx) { return tx.Complete(now_, results); });
  if (!statuses.ok()) return;
  for (size_t i = 0; i < results.size(); ++i) {
    const bool recorded = (*statuses)[i] == ResultStatus::kRecorded;
    Count(absl::StrCat("result ", Show((*statuses)[i])));
    if (!recorded) continue;
    if (requests_.sent_before(i)) Count("result sent again and recorded");
    if (results[i].outcome == ResultOutcome::kCancelled) Count("worker's cancel recorded");
    const auto before = left_->store().GetTask(results[i].task_id);
    if (before.ok() && before->core.lease_lost && before->core.lease_id == results[i].lease_id) {
      Count("result accepted after its lease ran out");
    }
  }
}

void Twins::Renew() {
  const std::vector<Lease> held = requests_.NextRenewal();
  const auto stops = RunBoth(absl::StrCat("Renew ", held.size()),
                             [&](Transaction& tx) { return tx.Renew(now_, kLease, held); });
  if (!stops.ok()) return;
  for (const Stop& stop : *stops) {
    Count(stop.reason == StopReason::kCancelled ? "renewal of a cancelled task"
                                                : "renewal of a lost lease");
  }
}

void Twins::Advance() {
  const int64_t limit = requests_.OneIn(2) ? 1 + requests_.Below(3) : 1000;
  const auto answer = RunBoth(absl::StrCat("Advance ", limit),
                              [&](Transaction& tx) { return tx.Advance(now_, limit); });
  if (!answer.ok()) return;
  Count("lease ran out", answer->expired_leases);
  Count("task promoted", answer->promoted);
  Count("task not started in time", answer->expired_tasks);
  Count("dependent settled", answer->settled);
  Count("advance stopped at its limit", answer->more);
}

void Twins::ExtendLeases() {
  RunBoth("ExtendLeases", [&](Transaction& tx) {
    return tx.ExtendLeases(now_ + kLease);
  }).IgnoreError();
}

void Twins::Cancel() {
  const Selection selection = requests_.NextSelection();
  const std::string reason = requests_.OneIn(2) ? "" : "not wanted";
  const auto answer = RunBoth(
      absl::StrCat("Cancel ", absl::StrJoin(selection.ids, ","), " batch ", selection.batch_id),
      [&](Transaction& tx) { return tx.Cancel(now_, selection, reason); });
  if (!answer.ok()) return Count(absl::StrCat("cancel refused: ", Show(answer)));
  Count("cancelled at once", answer->cancelled);
  Count("cancel of a running task", answer->stopping);
  Count("cancel of a finished task", answer->finished);
  Count("cancel in bites", answer->next != 0);
}

void Twins::Retry() {
  const Selection selection = requests_.NextSelection();
  for (const TaskId id : selection.ids) {
    const auto before = left_->store().GetTask(id);
    if (before.ok() && IsFinal(before->core.state)) retried_.push_back(id);
  }
  const auto answer = RunBoth(
      absl::StrCat("Retry ", absl::StrJoin(selection.ids, ","), " batch ", selection.batch_id),
      [&](Transaction& tx) { return tx.Retry(now_, selection); });
  if (!answer.ok()) return;
  Count("retried", answer->retried);
  Count("retry skipped", answer->skipped);
  Count("retry in bites", answer->next != 0);
}

void Twins::SetPaused() {
  const std::string queue = requests_.QueueName();
  const bool paused = requests_.OneIn(3);
  const auto ready = [&] {
    int64_t count = 0;
    for (const auto& [lane, tasks] : left_tx_->effects().ready) count += tasks;
    return count;
  };
  const int64_t before = ready();
  RunBoth(absl::StrCat(paused ? "pause " : "resume ", queue), [&](Transaction& tx) {
    return tx.SetPaused(queue, paused);
  }).IgnoreError();
  Count("resume of a queue with ready tasks", ready() > before);
}

void Twins::Purge() {
  const absl::Time before = now_ - absl::Microseconds(requests_.Below(60'000'000));
  const int64_t limit = requests_.OneIn(2) ? 1 + requests_.Below(5) : 1000;
  const auto gone = RunBoth(absl::StrCat("Purge before ", Show(before), " limit ", limit),
                            [&](Transaction& tx) { return tx.Purge(now_, before, limit); });
  if (!gone.ok()) return;
  Count("purged", *gone);
  Count("purge stopped at its limit", *gone >= limit);
}

// --- Reads

void Twins::Read() {
  const TaskQuery query = requests_.NextQuery();
  const auto page = AskBoth("ListTasks", [&](Store& store) { return store.ListTasks(query); });
  if (page.ok()) Count("page cut", page->next != 0);
  const BatchId batch = requests_.AnyBatch();
  const int64_t cursor = requests_.Below(100);
  const int limit = static_cast<int>(1 + requests_.Below(5));
  const bool with_result = requests_.OneIn(2);
  CheckBoth(absl::StrCat("ListFinished ", batch),
            [&](Store& store) { return store.ListFinished(batch, cursor, limit, with_result); });
  CheckBoth("ListQueuesOf", [&](Store& store) { return store.ListQueuesOf(batch, cursor); });
  CheckBoth("ListBatches", [&](Store& store) { return store.ListBatches(batch, limit); });
  CheckBoth("NextDue", [](Store& store) { return store.NextDue(); });
}

void Twins::Dump() {
  TaskQuery query;
  do {
    const auto page = AskBoth("dump", [&](Store& store) { return store.ListTasks(query); });
    if (!page.ok()) return;
    query.after = page->next;
    for (const Task& task : page->tasks) {
      const TaskId id = task.core.id;
      CheckBoth(absl::StrCat("dump ", id), [id](Store& store) { return store.GetTask(id); });
      Count("cancelled because of a parent",
            absl::StrContains(task.error.message, "which it depends on"));
    }
  } while (query.after != 0);
  CheckBoth("dump batches", [](Store& store) { return store.ListBatches(0, 1'000'000); });
  CheckBoth("dump queues", [](Store& store) { return store.ListQueues(); });
  CheckBoth("dump number of batches", [](Store& store) { return store.CountBatches(); });
}

}  // namespace tarea
