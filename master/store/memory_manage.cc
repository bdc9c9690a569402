// What people ask for: cancel, retry, pause; and the retention of what is finished.

#include <utility>

#include "absl/strings/str_cat.h"
#include "master/store/memory_transaction.h"

namespace tarea {

absl::StatusOr<std::vector<TaskId>> MemoryTransaction::Select(const Selection& selection,
                                                              TaskId& next) const {
  if (selection.batch_id == 0) {
    for (const TaskId id : selection.ids) {
      if (state_.Find(id) == nullptr) {
        return absl::NotFoundError(absl::StrCat("there is no task ", id));
      }
    }
    return selection.ids;
  }
  if (state_.batches.Find(selection.batch_id) == nullptr) {
    return absl::NotFoundError(absl::StrCat("there is no batch ", selection.batch_id));
  }
  std::vector<TaskId> ids;
  for (const auto* at = state_.by_batch.After({selection.batch_id, selection.after});
       at != nullptr && at->first == selection.batch_id; at = state_.by_batch.After(*at)) {
    if (static_cast<int64_t>(ids.size()) == selection.limit) break;
    ids.push_back(at->second);
  }
  if (static_cast<int64_t>(ids.size()) == selection.limit) next = ids.back();
  return ids;
}

absl::StatusOr<CancelAnswer> MemoryTransaction::Cancel(absl::Time now, const Selection& selection,
                                                       const std::string& reason) {
  Tick(now);
  CancelAnswer answer;
  const absl::StatusOr<std::vector<TaskId>> ids = Select(selection, answer.next);
  if (!ids.ok()) return ids.status();
  if (selection.batch_id != 0) {
    Batch batch = *state_.batches.Find(selection.batch_id);
    batch.open = false;
    state_.batches.Put(batch.id, batch);
    effects_.batches.insert(batch.id);
  }
  const TaskError error = {static_cast<int>(absl::StatusCode::kCancelled),
                           reason.empty() ? "cancelled" : reason};
  for (const TaskId id : *ids) {
    MemoryTask task = *state_.Find(id);
    const MemoryTask before = task;
    switch (CancelTask(task.core, now)) {
      case CancelVerdict::kFinished:
        answer.finished++;
        break;
      case CancelVerdict::kCancelled:
        answer.cancelled++;
        CancelWith(now, before, error);
        break;
      case CancelVerdict::kStopping:
        answer.stopping++;
        effects_.stops.push_back(
            {task.core.worker, {id, task.core.lease_id, StopReason::kCancelled}});
        task.error = error;
        task.result.clear();
        state_.Put(std::move(task));
        break;
    }
  }
  return answer;
}

absl::StatusOr<RetryAnswer> MemoryTransaction::Retry(absl::Time now, const Selection& selection) {
  Tick(now);
  RetryAnswer answer;
  const absl::StatusOr<std::vector<TaskId>> ids = Select(selection, answer.next);
  if (!ids.ok()) return ids.status();
  for (const TaskId id : *ids) {
    if (RetryOne(now, id, /*only_failed=*/selection.batch_id != 0)) {
      answer.retried++;
    } else {
      answer.skipped++;
    }
  }
  return answer;
}

bool MemoryTransaction::RetryOne(absl::Time now, TaskId id, bool only_failed) {
  MemoryTask task = *state_.Find(id);
  const TaskState state = task.core.state;
  if (state != TaskState::kFailed && (only_failed || state != TaskState::kCancelled)) return false;
  if (task.core.has_key && state_.keys.Find({task.spec->queue, task.spec->key}) != nullptr) {
    return false;
  }
  std::vector<TaskId> unfinished;
  for (const TaskId parent : task.spec->depends_on) {
    const MemoryTask* found = state_.Find(parent);
    if (found == nullptr) continue;  // purged: in the way no longer
    const ParentVerdict verdict = JudgeParent(found->core.state, task.core.run_on_parent_failure);
    if (verdict == ParentVerdict::kCancel) return false;
    if (verdict == ParentVerdict::kWait) unfinished.push_back(parent);
  }
  // Who waits for this task goes on waiting, and is not told of the end that is undone here.
  state_.settling.Erase(task.core.finish_seq);
  for (const TaskId parent : task.spec->depends_on) state_.dependents.Erase({parent, id});
  RetryTask(task.core, task.spec->retry, now);
  if (!unfinished.empty()) Block(task.core, unfinished);
  Move(now, std::move(task));
  return true;
}

absl::Status MemoryTransaction::SetPaused(const std::string& queue, bool paused) {
  if (paused) {
    state_.paused.Insert(queue);
    return absl::OkStatus();
  }
  if (!state_.IsPaused(queue)) return absl::OkStatus();
  state_.paused.Erase(queue);
  state_.VisitLanes(queue, [this](const MemoryState::LaneName& name, const MemoryLane& lane) {
    const int64_t ready = lane.counts[TaskState::kReady];
    if (ready > 0) effects_.ready[name] += ready;
  });
  return absl::OkStatus();
}

absl::StatusOr<int64_t> MemoryTransaction::Purge(absl::Time now, absl::Time before, int64_t limit) {
  Tick(now);
  const int64_t gone = PurgeBatches(before, limit);
  return gone + PurgeRequests(now, limit);
}

int64_t MemoryTransaction::PurgeBatches(absl::Time before, int64_t limit) {
  int64_t gone = 0;
  while (gone < limit) {
    const MemoryState::TimeKey* idle = state_.idle.First();
    if (idle == nullptr || idle->first > before) break;
    const BatchId batch = idle->second;
    const auto* first = state_.finished.AtLeast({batch, 0, 0});
    if (first != nullptr && std::get<0>(*first) == batch) {
      state_.Forget(std::get<2>(*first));
    } else {
      state_.ForgetBatch(batch);
    }
    gone++;
  }
  return gone;
}

int64_t MemoryTransaction::PurgeRequests(absl::Time now, int64_t limit) {
  int64_t gone = 0;
  for (; gone < limit; ++gone) {
    const auto* first = state_.requests_by_expiry.First();
    if (first == nullptr || first->first > now) break;
    state_.requests.Erase(first->second);
    state_.requests_by_expiry.Erase(std::pair(*first));
  }
  return gone;
}

}  // namespace tarea
