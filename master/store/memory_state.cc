#include "master/store/memory_state.h"

#include <optional>

#include "master/store/lifecycle.h"

namespace tarea {
namespace {

// Each says where a task stands in an index, if it does.

std::optional<MemoryState::ReadyKey> ReadyKeyOf(const MemoryTask& task) {
  if (task.core.state != TaskState::kReady) return std::nullopt;
  return MemoryState::ReadyKey(task.lane, -task.core.priority, task.core.ready_at, task.core.id);
}

std::optional<MemoryState::TimeKey> ScheduledKeyOf(const MemoryTask& task) {
  if (task.core.state != TaskState::kScheduled) return std::nullopt;
  return MemoryState::TimeKey(task.core.ready_at, task.core.id);
}

std::optional<MemoryState::TimeKey> LeasedKeyOf(const MemoryTask& task) {
  if (task.core.state != TaskState::kRunning) return std::nullopt;
  return MemoryState::TimeKey(task.core.lease_until, task.core.id);
}

std::optional<MemoryState::TimeKey> StartByKeyOf(const MemoryTask& task) {
  const bool waits = !IsFinal(task.core.state) && task.core.state != TaskState::kRunning;
  if (!waits || !StartExpired(task.core, absl::InfiniteFuture())) return std::nullopt;
  if (task.core.start_by == absl::InfiniteFuture()) return std::nullopt;
  return MemoryState::TimeKey(task.core.start_by, task.core.id);
}

std::optional<MemoryState::FinishedKey> FinishedKeyOf(const MemoryTask& task) {
  if (task.core.finish_seq == 0) return std::nullopt;
  return MemoryState::FinishedKey(task.core.batch_id, task.core.finish_seq, task.core.id);
}

std::optional<std::pair<BatchId, TaskId>> BatchKeyOf(const MemoryTask& task) {
  return std::pair(task.core.batch_id, task.core.id);
}

bool HoldsKey(const MemoryTask* task) {
  return task != nullptr && task->core.has_key && !IsFinal(task->core.state);
}

template <typename Key>
void Replace(SnapshotSet<Key>& index, const MemoryTask* before, const MemoryTask* after,
             std::optional<Key> (*key_of)(const MemoryTask&)) {
  const std::optional<Key> from = before == nullptr ? std::nullopt : key_of(*before);
  const std::optional<Key> to = after == nullptr ? std::nullopt : key_of(*after);
  if (from == to) return;
  if (from.has_value()) index.Erase(*from);
  if (to.has_value()) index.Insert(*to);
}

}  // namespace

const MemoryTask* MemoryState::Find(TaskId id) const {
  const std::shared_ptr<const MemoryTask>* task = tasks.Find(id);
  return task == nullptr ? nullptr : task->get();
}

void MemoryState::Put(MemoryTask task) {
  task.core.has_outcome = task.error.code != 0 || !task.result.empty();
  const auto after = std::make_shared<const MemoryTask>(std::move(task));
  const MemoryTask* before = Find(after->core.id);
  Reindex(before, after.get());
  Count(before, after.get());
  tasks.Put(after->core.id, after);
}

void MemoryState::Forget(TaskId id) {
  const MemoryTask* before = Find(id);
  Reindex(before, nullptr);
  Count(before, nullptr);
  tasks.Erase(id);
}

void MemoryState::SetIdle(BatchId id, absl::Time now) {
  Batch batch = *batches.Find(id);
  idle.Erase({batch.idle_since, id});
  batch.idle_since = absl::InfiniteFuture();
  if (batch.counts.Unfinished() == 0) {
    batch.idle_since = now;
    idle.Insert({now, id});
  }
  batches.Put(id, batch);
}

void MemoryState::ForgetBatch(BatchId id) {
  idle.Erase({batches.Find(id)->idle_since, id});
  batches.Erase(id);
}

bool MemoryState::IsPaused(const std::string& queue) const {
  const std::string* found = paused.AtLeast(queue);
  return found != nullptr && *found == queue;
}

void MemoryState::Reindex(const MemoryTask* before, const MemoryTask* after) {
  Replace(ready, before, after, ReadyKeyOf);
  Replace(scheduled, before, after, ScheduledKeyOf);
  Replace(leased, before, after, LeasedKeyOf);
  Replace(start_by, before, after, StartByKeyOf);
  Replace(finished, before, after, FinishedKeyOf);
  Replace(by_batch, before, after, BatchKeyOf);
  if (HoldsKey(before) && !HoldsKey(after)) keys.Erase({before->spec->queue, before->spec->key});
  if (HoldsKey(after) && !HoldsKey(before)) {
    keys.Put({after->spec->queue, after->spec->key}, after->core.id);
  }
}

void MemoryState::Count(const MemoryTask* before, const MemoryTask* after) {
  if (before != nullptr && after != nullptr && before->core.state == after->core.state) return;
  const MemoryTask& task = before != nullptr ? *before : *after;
  const LaneName lane_name(task.spec->queue, task.spec->type);
  MemoryLane lane = *lanes.Find(lane_name);
  Batch batch = *batches.Find(task.core.batch_id);
  for (Counts* counts : {&lane.counts, &batch.counts}) {
    if (before != nullptr) (*counts)[before->core.state]--;
    if (after != nullptr) (*counts)[after->core.state]++;
  }
  const auto bytes = static_cast<int64_t>(task.spec->payload.size());
  if (before != nullptr && !IsFinal(before->core.state)) lane.bytes -= bytes;
  if (after != nullptr && !IsFinal(after->core.state)) lane.bytes += bytes;
  lanes.Put(lane_name, lane);
  batches.Put(batch.id, batch);
}

int64_t MemoryState::LaneOf(const std::string& queue, const std::string& type) {
  if (const MemoryLane* lane = lanes.Find({queue, type})) return lane->id;
  const int64_t id = lanes.size() + 1;  // lanes are for ever
  MemoryLane lane;
  lane.id = id;
  lanes.Put({queue, type}, lane);
  return id;
}

QueueLoad MemoryState::LoadOf(const std::string& queue) const {
  QueueLoad load;
  VisitLanes(queue, [&load](const LaneName&, const MemoryLane& lane) {
    load.tasks += lane.counts.Unfinished();
    load.bytes += lane.bytes;
  });
  return load;
}

}  // namespace tarea
