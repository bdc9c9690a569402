// Rules about what is stored at the end.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "tests/history/checker_impl.h"
#include "tests/history/state_names.h"

namespace tarea {

void HistoryChecker::Impl::AddStored(const HistoryItem& task) {
  if (!stored_.try_emplace(task.task, Stored{.item = task}).second) {
    BrokenAtEnd("task ", task.task, " is listed twice");
  }
}

void HistoryChecker::Impl::CheckStored() {
  CheckAcknowledged();
  CheckUnacknowledged();
  for (const auto& [id, stored] : stored_) {
    ++counts_[absl::StrCat("tasks ", StateName(stored.item.state))];
    const Task& task = Find(id);
    CheckState(stored.item, task);
    if (stored.item.state == TaskState::kSucceeded) CheckResult(stored.item, task);
    if (task.acknowledged == 0) CheckParents(id, task, stored.item.depends_on);
  }
  for (const auto& [id, task] : tasks_) CheckParents(id, task, task.depends_on);
}

// --- Which tasks
// ---------------------------------------------------------------------------------------

void HistoryChecker::Impl::CheckAcknowledged() {
  for (const Submission& submission : submissions_) {
    if (submission.acknowledged == 0) continue;
    for (const HistoryItem& item : submission.items) {
      if (item.existing) continue;
      const auto found = stored_.find(item.task);
      if (found == stored_.end()) {
        if (forgets_ && Find(item.task).state_known) continue;
        BrokenAtEnd("task ", item.task, " of request '", submission.request_id, "' (batch ",
                    submission.batch, ") was acknowledged and is not stored");
      } else {
        found->second.explained = true;
        if (found->second.item.payload == item.payload) continue;
        BrokenAtEnd("task ", item.task, " has payload ", found->second.item.payload,
                    "; it was submitted with ", item.payload);
      }
    }
  }
}

// What is stored and was not acknowledged must come of a submission whose outcome is not known.
void HistoryChecker::Impl::CheckUnacknowledged() {
  absl::flat_hash_map<uint64_t, int> allowed;
  for (const Submission& submission : submissions_) {
    if (submission.acknowledged != 0 || !(submission.unknown || submission.open > 0)) continue;
    for (const HistoryItem& item : submission.items) ++allowed[item.payload];
  }
  absl::flat_hash_set<uint64_t> found;
  for (auto& [id, stored] : stored_) {
    if (stored.explained) continue;
    const auto place = allowed.find(stored.item.payload);
    if (place == allowed.end() || place->second == 0) {
      DescribeUnexplained(stored.item);
      continue;
    }
    --place->second;
    found.insert(stored.item.payload);
  }
  if (!forgets_) CheckWhole(found);
}

void HistoryChecker::Impl::DescribeUnexplained(const HistoryItem& item) {
  if (!payloads_.contains(item.payload)) {
    return BrokenAtEnd("task ", item.task, " is stored with payload ", item.payload,
                       ", which nobody submitted");
  }
  const char* why = "of a submission that was refused";
  for (const Submission& submission : submissions_) {
    if (submission.acknowledged == 0) continue;
    for (const HistoryItem& sent : submission.items) {
      if (sent.payload == item.payload) why = "though it was accepted as another task";
    }
  }
  BrokenAtEnd("task ", item.task, " is stored with payload ", item.payload, ", ", why);
}

// A submission is stored whole or not at all.
void HistoryChecker::Impl::CheckWhole(const absl::flat_hash_set<uint64_t>& found) {
  for (const Submission& submission : submissions_) {
    if (submission.acknowledged != 0) continue;
    // Whoever has a key may have had it already; and payloads that come twice tell nothing.
    const bool telling =
        std::all_of(submission.items.begin(), submission.items.end(), [&](const HistoryItem& item) {
          return item.key.empty() && payloads_.find(item.payload)->second == 1;
        });
    if (!telling) continue;
    const int64_t stored =
        std::count_if(submission.items.begin(), submission.items.end(),
                      [&](const HistoryItem& item) { return found.contains(item.payload); });
    if (stored == 0 || stored == static_cast<int64_t>(submission.items.size())) continue;
    BrokenAtEnd("of request '", submission.request_id, "' ", stored, " tasks of ",
                submission.items.size(), " are stored");
  }
}

// --- What became of them
// -------------------------------------------------------------------------------

void HistoryChecker::Impl::CheckState(const HistoryItem& item, const Task& task) {
  if (!IsFinal(item.state)) {
    return BrokenAtEnd("task ", item.task, " is ", StateName(item.state));
  }
  if (item.max_attempts != 0 && item.attempt > item.max_attempts) {
    BrokenAtEnd("task ", item.task, " is in attempt ", item.attempt, " of ", item.max_attempts);
  }
  const bool may_change = task.retried && task.state != TaskState::kSucceeded;
  if (task.state_known && task.state != item.state && !may_change) {
    BrokenAtEnd("task ", item.task, " is ", StateName(item.state), "; it had ended as ",
                StateName(task.state));
  }
}

void HistoryChecker::Impl::CheckResult(const HistoryItem& item, const Task& task) {
  if (task.state == TaskState::kSucceeded && task.result != 0 && task.result != item.result) {
    BrokenAtEnd("task ", item.task, " has result ", item.result, "; it was ", task.result);
  }
  // Workers that tell nobody what they report have no part in the history.
  if (task.successes.empty() && task.leases.empty()) return;
  bool reported = false;
  bool possible = false;
  for (const Success& success : task.successes) {
    if (success.result != item.result) continue;
    reported = true;
    possible |= success.recorded || success.unknown || success.open > 0;
  }
  if (!reported) {
    BrokenAtEnd("task ", item.task, " has result ", item.result, ", which no worker reported");
  } else if (!possible) {
    BrokenAtEnd("task ", item.task, " has result ", item.result,
                ", which was answered to be stale or refused each time");
  }
}

void HistoryChecker::Impl::CheckParents(TaskId id, const Task& task,
                                        const std::vector<TaskId>& parents) {
  if (task.started == 0) return;
  for (const TaskId parent : parents) {
    const auto found = tasks_.find(parent);
    const Moment succeeded = found == tasks_.end() ? 0 : found->second.succeeded;
    if (succeeded != 0 && succeeded < task.started) continue;
    BrokenAtEnd("task ", id, " was started before task ", parent, ", on which it depends, ",
                succeeded == 0 ? "had succeeded; it never did" : "had succeeded");
  }
}

}  // namespace tarea
