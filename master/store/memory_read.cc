#include "master/store/memory_read.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "master/store/lifecycle.h"

namespace tarea::memory_read {
namespace {

// How many tasks one page of ListTasks looks at.
constexpr int kMaxScan = 20'000;

Task ToTask(const MemoryTask& from, bool with_payload, bool with_result) {
  Task task;
  task.core = from.core;
  task.spec = *from.spec;
  task.error = from.error;
  task.payload_size = static_cast<int64_t>(from.spec->payload.size());
  task.result_size = static_cast<int64_t>(from.result.size());
  if (!with_payload) task.spec.payload.clear();
  if (with_result) task.result = from.result;
  return task;
}

bool Matches(const MemoryTask& task, const TaskQuery& query) {
  const TaskSpec& spec = *task.spec;
  return (query.queue.empty() || spec.queue == query.queue) &&
         (query.type.empty() || spec.type == query.type) &&
         (query.states.empty() || absl::c_linear_search(query.states, task.core.state)) &&
         std::includes(spec.labels.begin(), spec.labels.end(), query.labels.begin(),
                       query.labels.end());
}

// The task that follows `id` in the order of a query, in its batch if it names one; 0: none.
TaskId NextId(const MemoryState& state, const TaskQuery& query, TaskId id) {
  const TaskId from = id == 0 && query.newest_first ? std::numeric_limits<TaskId>::max() : id;
  if (query.batch_id != 0) {
    const std::pair<BatchId, TaskId> here(query.batch_id, from);
    const auto* next =
        query.newest_first ? state.by_batch.Before(here) : state.by_batch.After(here);
    return next != nullptr && next->first == query.batch_id ? next->second : 0;
  }
  const auto* next = query.newest_first ? state.tasks.Before(from) : state.tasks.After(from);
  return next != nullptr ? next->first : 0;
}

absl::Time OldestReady(const MemoryState& state, int64_t lane) {
  // They are in order of priority first: look at the head of each priority that occurs.
  absl::Time oldest = absl::InfiniteFuture();
  int64_t priority = std::numeric_limits<int64_t>::min();
  while (true) {
    const auto* head = state.ready.AtLeast({lane, priority, absl::InfinitePast(), 0});
    if (head == nullptr || std::get<0>(*head) != lane) return oldest;
    oldest = std::min(oldest, std::get<2>(*head));
    priority = std::get<1>(*head) + 1;
  }
}

absl::Time FirstTime(const SnapshotSet<MemoryState::TimeKey>& index) {
  const MemoryState::TimeKey* first = index.First();
  return first == nullptr ? absl::InfiniteFuture() : first->first;
}

}  // namespace

absl::StatusOr<Task> GetTask(const MemoryState& state, TaskId id) {
  const MemoryTask* found = state.Find(id);
  if (found == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no task ", id, "; it may have been purged (--retain)"));
  }
  Task task = ToTask(*found, /*with_payload=*/true, /*with_result=*/true);
  std::vector<Attempt> records;
  for (const auto& [number, attempt] : found->attempts) records.push_back(attempt);
  task.attempts = AllAttempts(found->core, std::move(records));
  return task;
}

absl::StatusOr<Batch> GetBatch(const MemoryState& state, BatchId id) {
  const Batch* batch = state.batches.Find(id);
  if (batch == nullptr) {
    return absl::NotFoundError(
        absl::StrCat("there is no batch ", id, "; it may have been purged (--retain)"));
  }
  return *batch;
}

TaskPage ListTasks(const MemoryState& state, const TaskQuery& query, int64_t max_page_bytes) {
  TaskPage page;
  int64_t bytes = 0;
  int looked_at = 0;
  for (TaskId id = NextId(state, query, query.after); id != 0; id = NextId(state, query, id)) {
    looked_at++;
    const MemoryTask& task = *state.Find(id);
    if (Matches(task, query)) {
      page.tasks.push_back(ToTask(task, query.with_payload, query.with_result));
      const Task& added = page.tasks.back();
      bytes += static_cast<int64_t>(added.spec.payload.size() + added.result.size());
    }
    if (static_cast<int>(page.tasks.size()) >= query.limit || bytes >= max_page_bytes ||
        looked_at >= kMaxScan) {
      page.next = id;
      break;
    }
  }
  return page;
}

std::vector<Batch> ListBatches(const MemoryState& state, BatchId before, int limit) {
  std::vector<Batch> batches;
  const auto* at = state.batches.Before(before == 0 ? std::numeric_limits<BatchId>::max() : before);
  for (; at != nullptr && static_cast<int>(batches.size()) < limit;
       at = state.batches.Before(at->first)) {
    batches.push_back(at->second);
  }
  return batches;
}

absl::StatusOr<FinishedPage> ListFinished(const MemoryState& state, BatchId batch, int64_t cursor,
                                          int limit, bool with_result, int64_t max_page_bytes) {
  FinishedPage page;
  absl::StatusOr<Batch> found = GetBatch(state, batch);
  if (!found.ok()) return found.status();
  page.batch = *std::move(found);
  page.cursor = cursor;
  int64_t bytes = 0;
  for (const auto* at = state.finished.AtLeast({batch, cursor + 1, 0});
       at != nullptr && std::get<0>(*at) == batch; at = state.finished.After(*at)) {
    if (static_cast<int>(page.tasks.size()) == limit || bytes >= max_page_bytes) {
      page.more = true;
      break;
    }
    page.tasks.push_back(
        ToTask(*state.Find(std::get<2>(*at)), /*with_payload=*/false, with_result));
    bytes += static_cast<int64_t>(page.tasks.back().result.size());
    page.cursor = std::get<1>(*at);
  }
  return page;
}

std::vector<Queue> ListQueues(const MemoryState& state) {
  std::map<std::string, Queue> queues;
  for (const auto* at = state.lanes.First(); at != nullptr; at = state.lanes.After(at->first)) {
    const auto& [name, lane] = *at;
    Queue& queue = queues[name.first];
    queue.types.push_back(name.second);
    for (int i = 0; i < kTaskStates; ++i) queue.counts.by_state[i] += lane.counts.by_state[i];
    queue.unfinished_bytes += lane.bytes;
    queue.oldest_ready_at = std::min(queue.oldest_ready_at, OldestReady(state, lane.id));
  }
  for (const std::string* name = state.paused.First(); name != nullptr;
       name = state.paused.After(*name)) {
    queues[*name].paused = true;
  }
  std::vector<Queue> list;
  for (auto& [name, queue] : queues) {
    queue.name = name;
    list.push_back(std::move(queue));
  }
  return list;
}

absl::StatusOr<BatchQueues> ListQueuesOf(const MemoryState& state, BatchId batch, TaskId after) {
  if (const absl::StatusOr<Batch> found = GetBatch(state, batch); !found.ok()) {
    return found.status();
  }
  std::set<std::string> queues;
  BatchQueues answer{.queues = {}, .last = after};
  TaskQuery query;
  query.batch_id = batch;
  for (TaskId id = NextId(state, query, after); id != 0; id = NextId(state, query, id)) {
    queues.insert(state.Find(id)->spec->queue);
    answer.last = id;
  }
  answer.queues.assign(queues.begin(), queues.end());
  return answer;
}

absl::Time NextDue(const MemoryState& state) {
  if (state.settling.size() > 0) return absl::InfinitePast();
  return std::min({FirstTime(state.leased), FirstTime(state.scheduled), FirstTime(state.start_by)});
}

}  // namespace tarea::memory_read
