// Insert: everything is checked before anything is written.

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "master/store/memory_transaction.h"

namespace tarea {

absl::StatusOr<InsertAnswer> MemoryTransaction::Insert(absl::Time now,
                                                       const InsertRequest& request) {
  Tick(now);
  const absl::StatusOr<std::optional<InsertAnswer>> repeated = FindRequest(now, request);
  if (!repeated.ok()) return repeated.status();
  if (repeated->has_value()) return **repeated;
  if (const absl::Status status = CheckBatch(request); !status.ok()) return status;
  if (const absl::Status status = CheckParents(request); !status.ok()) return status;
  if (const absl::Status status = CheckLimits(request); !status.ok()) return status;

  InsertAnswer answer;
  answer.batch_id = request.batch_id != 0 ? request.batch_id : ++state_.last_batch;
  OpenBatch(now, request, answer.batch_id);
  effects_.batches.insert(answer.batch_id);
  if (!request.tasks.empty()) answer.first_task_id = state_.last_task + 1;

  std::vector<TaskId> ids;  // by position
  for (const TaskSpec& asked : request.tasks) {
    TaskSpec spec = asked;
    for (const int position : spec.depends_on_index) spec.depends_on.push_back(ids[position]);
    spec.depends_on_index.clear();
    const TaskId id = ++state_.last_task;
    ids.push_back(InsertTask(now, answer.batch_id, id, std::move(spec)));
    if (ids.back() != id) {
      answer.existing.push_back({static_cast<int>(ids.size()) - 1, ids.back()});
    }
  }
  RememberRequest(now, request, answer);
  return answer;
}

absl::StatusOr<std::optional<InsertAnswer>> MemoryTransaction::FindRequest(
    absl::Time now, const InsertRequest& request) const {
  if (request.request_id.empty()) return std::nullopt;
  const MemoryRequest* known = state_.requests.Find(request.request_id);
  if (known == nullptr || known->expires_at <= now) return std::nullopt;
  if (known->content_hash != request.content_hash) {
    return absl::AlreadyExistsError(absl::StrCat(
        "request_id '", Printable(request.request_id), "' was used for another submission (batch ",
        known->answer.batch_id, "); choose a new one for new content"));
  }
  InsertAnswer answer = known->answer;
  answer.repeated = true;
  return answer;
}

absl::Status MemoryTransaction::CheckBatch(const InsertRequest& request) const {
  int64_t total = static_cast<int64_t>(request.tasks.size());
  if (request.batch_id != 0) {
    const Batch* batch = state_.batches.Find(request.batch_id);
    if (batch == nullptr) {
      return absl::NotFoundError(absl::StrCat("there is no batch ", request.batch_id));
    }
    if (!batch->open) {
      return absl::FailedPreconditionError(absl::StrCat(
          "batch ", batch->id, " is closed; submit to a new one, or keep it open with keep_open"));
    }
    total += batch->counts.Total();
  }
  total = std::max(total, request.total_tasks);
  if (total > limits_.max_batch) {
    return absl::InvalidArgumentError(absl::StrCat("the batch would have ", total,
                                                   " tasks; the limit is ", limits_.max_batch,
                                                   " (--max-batch)"));
  }
  return absl::OkStatus();
}

absl::Status MemoryTransaction::CheckParents(const InsertRequest& request) const {
  for (int i = 0; i < static_cast<int>(request.tasks.size()); ++i) {
    for (const TaskId parent : request.tasks[i].depends_on) {
      if (state_.Find(parent) != nullptr) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("tasks[", i, "] depends on task ", parent, ", which does not exist"));
    }
    for (const int position : request.tasks[i].depends_on_index) {
      if (position >= 0 && position < i) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("tasks[", i, "].depends_on_index has ", position,
                       "; it must name an earlier position, 0 to ", i - 1));
    }
  }
  return absl::OkStatus();
}

absl::Status MemoryTransaction::CheckLimits(const InsertRequest& request) const {
  absl::btree_map<std::string, QueueLoad> per_queue;
  absl::btree_set<MemoryState::LaneName> new_lanes;
  for (const TaskSpec& spec : request.tasks) {
    QueueLoad& added = per_queue[spec.queue];
    added.tasks++;
    added.bytes += static_cast<int64_t>(spec.payload.size());
    MemoryState::LaneName lane(spec.queue, spec.type);
    if (state_.lanes.Find(lane) == nullptr) new_lanes.insert(std::move(lane));
  }
  for (const auto& [queue, added] : per_queue) {
    absl::Status status = CheckQueueLimits(limits_, queue, state_.LoadOf(queue), added);
    if (!status.ok()) return status;
  }
  const int64_t lanes = state_.lanes.size() + static_cast<int64_t>(new_lanes.size());
  if (!new_lanes.empty() && lanes > limits_.max_lanes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "there would be ", lanes, " pairs of queue and type; the limit is ", limits_.max_lanes,
        " (--max-queues); use fewer queues, and labels or keys to tell tasks apart"));
  }
  return absl::OkStatus();
}

void MemoryTransaction::OpenBatch(absl::Time now, const InsertRequest& request, BatchId id) {
  Batch batch;
  if (request.batch_id != 0) {
    batch = *state_.batches.Find(id);
  } else {
    batch.id = id;
    batch.name = request.batch_name;
    batch.created_at = now;
  }
  batch.open = request.keep_open;
  state_.batches.Put(id, batch);
  // A batch with no task is as old as it will ever be; Move says otherwise for one that has some.
  if (request.batch_id == 0) state_.SetIdle(id, now);
}

TaskId MemoryTransaction::InsertTask(absl::Time now, BatchId batch, TaskId id, TaskSpec spec) {
  if (!spec.key.empty()) {
    if (const TaskId* taken = state_.keys.Find({spec.queue, spec.key})) return *taken;
  }
  // Named twice is named once.
  std::vector<TaskId> parents;
  for (const TaskId parent : spec.depends_on) {
    if (!absl::c_linear_search(parents, parent)) parents.push_back(parent);
  }
  spec.depends_on = parents;
  absl::c_sort(parents);

  MemoryTask task;
  task.core = NewTask(spec, id, batch, now);
  task.lane = state_.LaneOf(spec.queue, spec.type);
  std::vector<TaskId> unfinished;
  for (const TaskId parent : parents) {
    const TaskState state = state_.Find(parent)->core.state;
    const ParentVerdict verdict = JudgeParent(state, spec.run_on_parent_failure);
    if (verdict == ParentVerdict::kWait) unfinished.push_back(parent);
    if (verdict == ParentVerdict::kCancel && !IsFinal(task.core.state)) {
      CancelTask(task.core, now);
      task.error = ParentError(parent, state);
    }
  }
  if (!IsFinal(task.core.state) && !unfinished.empty()) Block(task.core, unfinished);
  task.spec = std::make_shared<const TaskSpec>(std::move(spec));
  Move(now, std::move(task));
  return id;
}

void MemoryTransaction::RememberRequest(absl::Time now, const InsertRequest& request,
                                        const InsertAnswer& answer) {
  if (request.request_id.empty()) return;
  if (const MemoryRequest* expired = state_.requests.Find(request.request_id)) {
    state_.requests_by_expiry.Erase({expired->expires_at, request.request_id});
  }
  const absl::Time expires_at = now + limits_.retain_requests;
  state_.requests.Put(request.request_id, {request.content_hash, answer, expires_at});
  state_.requests_by_expiry.Insert({expires_at, request.request_id});
}

}  // namespace tarea
