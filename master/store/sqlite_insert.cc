// Insert: everything is checked before anything is written.

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/logging.h"
#include "master/store/sqlite_writer.h"

namespace tarea {

struct SqliteWriter::InsertPlan {
  struct Entry {
    TaskRow row;
    TaskId existing = 0;  // the key is taken by this task: nothing is stored
    std::vector<TaskId> waits_for;
    TaskError error;                 // of a task that is cancelled before it began
    std::vector<TaskId> depends_on;  // all of it as ids
  };
  BatchId batch_id = 0;
  TaskId first_task_id = 0;
  std::vector<Entry> entries;
  absl::btree_map<std::pair<std::string, std::string>, TaskId> keys;
};

absl::StatusOr<InsertAnswer> SqliteWriter::Insert(absl::Time now, const InsertRequest& request) {
  Tick(now);
  const absl::StatusOr<std::optional<InsertAnswer>> repeated = FindRequest(now, request);
  if (!repeated.ok()) return repeated.status();
  if (repeated->has_value()) return **repeated;
  if (const absl::Status status = CheckBatch(request); !status.ok()) return status;

  InsertPlan plan;
  plan.batch_id = request.batch_id != 0 ? request.batch_id : last_batch_ + 1;
  plan.first_task_id = last_task_ + 1;
  plan.entries.resize(request.tasks.size());
  for (size_t i = 0; i < request.tasks.size(); ++i) {
    const absl::Status status = CheckTask(request, static_cast<int>(i), now, plan);
    if (!status.ok()) return status;
  }
  if (const absl::Status status = CheckLimits(request); !status.ok()) return status;
  if (absl::Status status = reserve_.Check(); !status.ok()) return status;

  InsertAnswer answer;
  answer.batch_id = plan.batch_id;
  if (request.batch_id == 0) {
    last_batch_++;
    // Idle from the start only if nothing is stored: the index of idle batches is then left alone.
    const bool idle =
        std::all_of(plan.entries.begin(), plan.entries.end(),
                    [](const InsertPlan::Entry& entry) { return entry.existing != 0; });
    const std::optional<absl::Time> idle_since = idle ? std::optional(now) : std::nullopt;
    Query(connection_,
          "INSERT INTO batches (id, name, created_at, idle_since, open) VALUES (?, ?, ?, ?, ?)",
          plan.batch_id, request.batch_name, now, idle_since, request.keep_open)
        .Run();
  } else if (!request.keep_open) {
    Query(connection_, "UPDATE batches SET open = 0 WHERE id = ?", plan.batch_id).Run();
  }
  effects_.batches.insert(plan.batch_id);
  if (!request.tasks.empty()) {
    answer.first_task_id = plan.first_task_id;
    last_task_ += static_cast<int64_t>(request.tasks.size());
    Query(connection_, "INSERT INTO segments VALUES (?, ?, ?)", plan.batch_id, plan.first_task_id,
          last_task_)
        .Run();
  }
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    InsertPlan::Entry& entry = plan.entries[i];
    if (entry.existing != 0) {
      answer.existing.push_back({static_cast<int>(i), entry.existing});
      continue;
    }
    WriteTask(request.tasks[i], entry.depends_on, entry.error, entry.row);
    for (const TaskId parent : entry.waits_for) AddDependent(parent, entry.row.core.id);
  }
  ready_.Flush();
  RememberRequest(now, request, answer);
  return answer;
}

absl::StatusOr<std::optional<InsertAnswer>> SqliteWriter::FindRequest(
    absl::Time now, const InsertRequest& request) {
  if (request.request_id.empty()) return std::nullopt;
  Query query(connection_,
              "SELECT content_hash, batch_id, first_task_id, existing FROM requests "
              "WHERE request_id = ? AND expires_at > ?",
              request.request_id, now);
  if (!query.Next()) return std::nullopt;
  if (query.Bytes(0) != request.content_hash) {
    return absl::AlreadyExistsError(absl::StrCat(
        "request_id '", Printable(request.request_id), "' was used for another submission (batch ",
        query.Int(1), "); choose a new one for new content"));
  }
  InsertAnswer answer;
  answer.batch_id = query.Int(1);
  answer.first_task_id = query.Int(2);
  answer.repeated = true;
  const std::string existing = query.Bytes(3);
  for (const absl::string_view item : absl::StrSplit(existing, ',', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(item, absl::MaxSplits(':', 1));
    InsertAnswer::Existing entry;
    if (absl::SimpleAtoi(parts.first, &entry.index) &&
        absl::SimpleAtoi(parts.second, &entry.task_id)) {
      answer.existing.push_back(entry);
    }
  }
  return answer;
}

absl::Status SqliteWriter::CheckBatch(const InsertRequest& request) {
  int64_t total = static_cast<int64_t>(request.tasks.size());
  if (request.batch_id != 0) {
    FlushCounts();
    Query query(connection_, "SELECT " TAREA_BATCH_COLUMNS " FROM batches WHERE id = ?",
                request.batch_id);
    if (!query.Next()) {
      return absl::NotFoundError(absl::StrCat("there is no batch ", request.batch_id));
    }
    const Batch batch = ReadBatch(query);
    if (!batch.open) {
      return absl::FailedPreconditionError(absl::StrCat(
          "batch ", batch.id, " is closed; submit to a new one, or keep it open with keep_open"));
    }
    total += batch.counts.Total();
  }
  total = std::max(total, request.total_tasks);
  if (total > limits_.max_batch) {
    return absl::InvalidArgumentError(absl::StrCat("the batch would have ", total,
                                                   " tasks; the limit is ", limits_.max_batch,
                                                   " (--max-batch)"));
  }
  return absl::OkStatus();
}

absl::Status SqliteWriter::CheckTask(const InsertRequest& request, int index, absl::Time now,
                                     InsertPlan& plan) {
  const TaskSpec& spec = request.tasks[index];
  InsertPlan::Entry& entry = plan.entries[index];
  const TaskId id = plan.first_task_id + index;
  entry.row.core = NewTask(spec, id, plan.batch_id, now);
  entry.row.has_labels = !spec.labels.empty();
  entry.row.payload_bytes = static_cast<int64_t>(spec.payload.size());

  absl::btree_map<TaskId, TaskState> parents;
  for (const TaskId parent : spec.depends_on) {
    const std::optional<TaskRow> row = Load(parent);
    if (!row.has_value()) {
      return absl::InvalidArgumentError(
          absl::StrCat("tasks[", index, "] depends on task ", parent, ", which does not exist"));
    }
    if (parents.emplace(parent, row->core.state).second) entry.depends_on.push_back(parent);
  }
  for (const int position : spec.depends_on_index) {
    if (position < 0 || position >= index) {
      return absl::InvalidArgumentError(
          absl::StrCat("tasks[", index, "].depends_on_index has ", position,
                       "; it must name an earlier position, 0 to ", index - 1));
    }
    const InsertPlan::Entry& earlier = plan.entries[position];
    TaskId parent = earlier.row.core.id;
    TaskState state = earlier.row.core.state;
    if (earlier.existing != 0) {
      parent = earlier.existing;
      const TaskId planned = parent - plan.first_task_id;
      state = planned >= 0 && planned < index
                  ? plan.entries[static_cast<size_t>(planned)].row.core.state
                  : MustLoad(parent).core.state;
    }
    if (parents.emplace(parent, state).second) entry.depends_on.push_back(parent);
  }

  if (!spec.key.empty()) {
    Query query(connection_, "SELECT task_id FROM keys WHERE queue = ? AND key = ?", spec.queue,
                spec.key);
    if (query.Next()) {
      entry.existing = query.Int(0);
      return absl::OkStatus();
    }
    const auto taken = plan.keys.find({spec.queue, spec.key});
    if (taken != plan.keys.end()) {
      entry.existing = taken->second;
      return absl::OkStatus();
    }
  }

  TaskCore& task = entry.row.core;
  for (const auto& [parent, state] : parents) {
    switch (JudgeParent(state, spec.run_on_parent_failure)) {
      case ParentVerdict::kWait:
        entry.waits_for.push_back(parent);
        break;
      case ParentVerdict::kPass:
        break;
      case ParentVerdict::kCancel:
        if (!IsFinal(task.state)) {
          CancelTask(task, now);
          entry.error = ParentError(parent, state);
        }
        break;
    }
  }
  if (IsFinal(task.state)) {
    entry.waits_for.clear();
  } else {
    if (!entry.waits_for.empty()) {
      task.state = TaskState::kBlocked;
      task.blocked_on = static_cast<int>(entry.waits_for.size());
    }
    if (task.has_key) plan.keys.emplace(std::pair(spec.queue, spec.key), id);
  }
  return absl::OkStatus();
}

absl::Status SqliteWriter::CheckLimits(const InsertRequest& request) {
  absl::btree_map<std::string, QueueLoad> per_queue;
  absl::btree_set<std::pair<std::string, std::string>> new_lanes;
  for (const TaskSpec& spec : request.tasks) {
    QueueLoad& added = per_queue[spec.queue];
    added.tasks++;
    added.bytes += static_cast<int64_t>(spec.payload.size());
    std::pair<std::string, std::string> lane(spec.queue, spec.type);
    if (!lanes_.contains(lane)) new_lanes.insert(std::move(lane));
  }
  for (const auto& [queue, added] : per_queue) {
    absl::Status status = CheckQueueLimits(limits_, queue, LoadOf(queue), added);
    if (!status.ok()) return status;
  }
  const int64_t lanes = static_cast<int64_t>(lanes_.size() + new_lanes.size());
  if (!new_lanes.empty() && lanes > limits_.max_lanes) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "there would be ", lanes, " pairs of queue and type; the limit is ", limits_.max_lanes,
        " (--max-queues); use fewer queues, and labels or keys to tell tasks apart"));
  }
  return absl::OkStatus();
}

void SqliteWriter::WriteTask(const TaskSpec& spec, const std::vector<TaskId>& depends_on,
                             const TaskError& error, TaskRow& row) {
  TaskCore& task = row.core;
  row.lane_id = LaneOf(spec.queue, spec.type).id;
  if (task.has_key && !IsFinal(task.state)) {
    Query(connection_, "INSERT INTO keys VALUES (?, ?, ?)", spec.queue, spec.key, task.id).Run();
  }
  const std::optional<std::string> parents =
      depends_on.empty() ? std::nullopt : std::optional(JoinNumbers(depends_on));
  const std::optional<std::string> key = spec.key.empty() ? std::nullopt : std::optional(spec.key);
  const std::optional<std::string> retry = RetryText(spec.retry);
  Query(connection_, "INSERT INTO tasks VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", task.id,
        task.batch_id, row.lane_id, task.priority, TaskFlagsOf(row), task.created_at,
        spec.retry.max_attempts, spec.delay, spec.timeout, spec.expires_in, key, parents, retry,
        Blob{spec.payload})
      .Run();
  if (error.code != 0) WriteOutcome(row, error, "");
  if (IsFinal(task.state)) Finalize(row);
  if (task.state == TaskState::kReady && task.start_by == absl::InfiniteFuture()) {
    ready_.AddFresh(row);
  } else {
    WriteState(task);
    if (task.state == TaskState::kReady) ready_.Add(row);
  }
  for (const auto& [name, value] : spec.labels) {
    Query(connection_, "INSERT INTO labels VALUES (?, ?, ?)", name, value, task.id).Run();
  }
  CountMove(row, std::nullopt);
}

void SqliteWriter::AddDependent(TaskId parent, TaskId child) {
  Query(connection_, "INSERT OR IGNORE INTO dependents VALUES (?, ?)", parent, child).Run();
  Query(connection_, "UPDATE tasks SET flags = flags | ? WHERE id = ?", kFlagHasDependents, parent)
      .Run();
  running_.SetDependents(parent);
}

void SqliteWriter::RememberRequest(absl::Time now, const InsertRequest& request,
                                   const InsertAnswer& answer) {
  if (request.request_id.empty()) return;
  const std::string existing = absl::StrJoin(
      answer.existing, ",", [](std::string* out, const InsertAnswer::Existing& entry) {
        absl::StrAppend(out, entry.index, ":", entry.task_id);
      });
  Query(connection_, "INSERT OR REPLACE INTO requests VALUES (?, ?, ?, ?, ?, ?)",
        request.request_id, Blob{request.content_hash}, answer.batch_id, answer.first_task_id,
        existing, now + limits_.retain_requests)
      .Run();
}

}  // namespace tarea
