// Rules about what workers are given and report.
#include <algorithm>

#include "tests/history/checker_impl.h"
#include "tests/history/state_names.h"

namespace tarea {
namespace {

using Phase = HistoryEvent::Phase;

}  // namespace

// --- Claims
// --------------------------------------------------------------------------------------------

void HistoryChecker::Impl::EndClaim(const HistoryEvent& event, const Call& call) {
  for (const HistoryItem& item : event.items) ClaimTask(event, call, item);
}

void HistoryChecker::Impl::ClaimTask(const HistoryEvent& event, const Call& call,
                                     const HistoryItem& item) {
  ++claims_;
  const auto [place, is_new] = leases_.try_emplace(item.lease, item.task);
  if (!is_new) {
    Broken(event, "lease ", item.lease, " of task ", item.task,
           " was given out before, then for task ", place->second);
  }
  Task& task = Find(item.task);
  CheckPayload(event, item, task);
  CheckMaxAttempts(event, item, task);
  CheckAttempt(event, call, item, task);
  if (EndedBefore(task, call.begun)) {
    Broken(event, "task ", item.task, " is handed out, though it had ended",
           task.state_known ? absl::StrCat(" as ", StateName(task.state)) : "");
  } else if (task.cancelled != 0 && task.cancelled < call.begun && !task.retried) {
    Broken(event, "task ", item.task, " is handed out, though its cancel was acknowledged before");
  }
  if (item.attempt > task.attempt) {
    task.attempt = item.attempt;
    task.released = 0;
  } else if (item.attempt > task.attempt - task.released) {
    --task.released;  // it has taken the place of one that was given back
  }
  NoteStart(item, task);
  task.leases.push_back(
      {.id = item.lease, .begun = call.begun, .claimed = now_, .power_losses = call.power_losses});
}

// Attempts are counted one by one. A claim whose answer was lost counts, too.
void HistoryChecker::Impl::CheckAttempt(const HistoryEvent& event, const Call& call,
                                        const HistoryItem& item, const Task& task) {
  if (item.attempt < 1) {
    Broken(event, "task ", item.task, " is handed out in attempt ", item.attempt);
  } else if (item.attempt > task.attempt + 1 + unanswered_claims_) {
    Broken(event, "task ", item.task, " is handed out in attempt ", item.attempt,
           "; the last one was ", task.attempt);
  } else if (item.attempt <= task.attempt - task.released) {
    const bool forgotten = !task.leases.empty() && task.leases.back().power_losses != power_losses_;
    // The answer of an earlier claim may come after that of a later one.
    const bool overtaken = !task.leases.empty() && call.begun < task.leases.back().claimed;
    if (forgotten || overtaken) return;
    Broken(event, "task ", item.task, " is handed out in attempt ", item.attempt,
           " again, and nobody had given it back");
  }
}

void HistoryChecker::Impl::CheckMaxAttempts(const HistoryEvent& event, const HistoryItem& item,
                                            const Task& task) {
  const int told = item.max_attempts;
  if (told != 0 && item.attempt > told) {
    Broken(event, "task ", item.task, " is in attempt ", item.attempt, " of ", told);
  }
  if (task.max_attempts != 0 && item.attempt > task.max_attempts && !task.retried) {
    Broken(event, "task ", item.task, " is in attempt ", item.attempt, "; it was submitted with ",
           task.max_attempts, " at most");
  }
}

void HistoryChecker::Impl::NoteStart(const HistoryItem& item, Task& task) {
  if (item.attempt > task.highest) {
    if (task.highest > 0) ++re_leases_;
    task.highest = item.attempt;
  }
  if (task.started == 0) task.started = now_;
}

void HistoryChecker::Impl::AddRun(const HistoryEvent& event) {
  for (const HistoryItem& item : event.items) {
    Task& task = Find(item.task);
    if (event.phase == Phase::kInvoke) {
      ++runs_;
      CheckPayload(event, item, task);
      CheckMaxAttempts(event, item, task);
      NoteStart(item, task);
    } else if (event.phase == Phase::kOk && item.outcome == ResultOutcome::kSucceeded) {
      if (task.succeeded == 0) task.succeeded = now_;
      // What its worker made of it is not in the history.
      if (item.result != 0) FindSuccess(task, item).unknown = true;
    }
  }
}

// --- Results
// -------------------------------------------------------------------------------------------

HistoryChecker::Impl::Success& HistoryChecker::Impl::FindSuccess(Task& task,
                                                                 const HistoryItem& item) {
  for (Success& success : task.successes) {
    if (success.lease == item.lease && success.result == item.result) return success;
  }
  task.successes.push_back({.lease = item.lease, .result = item.result});
  return task.successes.back();
}

void HistoryChecker::Impl::BeginResults(const HistoryEvent& event) {
  for (const HistoryItem& item : event.items) {
    Task& task = Find(item.task);
    if (item.outcome == ResultOutcome::kSucceeded) {
      ++FindSuccess(task, item).open;
      if (task.succeeded == 0) task.succeeded = now_;
    } else if (item.outcome == ResultOutcome::kReleased) {
      ++task.released;
    }
  }
}

void HistoryChecker::Impl::EndResults(const HistoryEvent& event, const Call& call) {
  if (event.phase == Phase::kOk && event.items.size() != call.items.size()) {
    return Broken(event, event.items.size(), " results are answered; ", call.items.size(),
                  " were sent");
  }
  for (size_t i = 0; i < call.items.size(); ++i) {
    HistoryItem item = call.items[i];
    Task& task = Find(item.task);
    if (item.outcome == ResultOutcome::kSucceeded) {
      Success& success = FindSuccess(task, item);
      --success.open;
      if (event.phase == Phase::kUnknown) success.unknown = true;
    }
    if (event.phase != Phase::kOk) continue;
    item.status = event.items[i].status;
    switch (item.status) {
      case ResultStatus::kRecorded:
        RecordResult(event, item, task);
        break;
      case ResultStatus::kStale:
        ++stale_;
        break;
      case ResultStatus::kUnknown:
        if (task.acknowledged == 0 || task.acknowledged > call.begun) break;
        if (forgets_ && task.state_known) break;
        Broken(event, "task ", item.task, " is answered not to exist; it was acknowledged before");
        break;
    }
  }
}

void HistoryChecker::Impl::RecordResult(const HistoryEvent& event, const HistoryItem& item,
                                        Task& task) {
  ++recorded_;
  task.durable = true;
  for (Lease& lease : task.leases) {
    if (lease.id != item.lease) continue;
    if (lease.recorded && lease.outcome != item.outcome) {
      Broken(event, "task ", item.task, ": two different ends of lease ", item.lease,
             " are recorded");
    }
    if (lease.recorded) ++repeated_;
    lease.recorded = true;
    lease.outcome = item.outcome;
  }
  if (item.outcome == ResultOutcome::kSucceeded) RecordSuccess(event, item, task);
}

void HistoryChecker::Impl::RecordSuccess(const HistoryEvent& event, const HistoryItem& item,
                                         Task& task) {
  FindSuccess(task, item).recorded = true;
  for (const Success& other : task.successes) {
    if (!other.recorded || (other.lease == item.lease && other.result == item.result)) continue;
    Broken(event, "task ", item.task, ": the success of lease ", item.lease, " with result ",
           item.result, " is recorded, and that of lease ", other.lease, " with result ",
           other.result, " was before");
  }
  const auto own = std::find_if(task.leases.begin(), task.leases.end(),
                                [&](const Lease& lease) { return lease.id == item.lease; });
  if (own != task.leases.end()) {
    for (const Lease& other : task.leases) {
      // A claim that a power loss undid fences nobody off.
      if (other.begun <= own->claimed || other.power_losses != power_losses_) continue;
      Broken(event, "task ", item.task, ": the success of lease ", item.lease,
             " is recorded, though lease ", other.id, " came after it");
    }
  }
  if (task.state_known && task.state != TaskState::kSucceeded && !task.retried) {
    Broken(event, "task ", item.task, ": a success is recorded; it had ended as ",
           StateName(task.state));
  }
  LearnState(task, TaskState::kSucceeded, now_);
  if (item.result != 0) task.result = item.result;
}

}  // namespace tarea
