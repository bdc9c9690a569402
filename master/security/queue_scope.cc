#include "master/security/queue_scope.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"

namespace tarea {
namespace {

std::string NamesOf(const Caller& caller) {
  return Printable(absl::StrJoin(caller.grant.queues, ", "), 256);
}

}  // namespace

absl::Status QueueScope::CheckQueue(absl::string_view queue) const {
  if (Allows(queue)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("'", Printable(caller_.name, 64), "' may not use the queue '",
                   Printable(queue, 128), "', but only ", NamesOf(caller_)));
}

absl::Status QueueScope::Elsewhere(const std::string& what) const {
  return absl::PermissionDeniedError(absl::StrCat("'", Printable(caller_.name, 64),
                                                  "' may only use the queues ", NamesOf(caller_),
                                                  "; ", what));
}

absl::Status QueueScope::CheckTask(TaskId id) const {
  if (!restricted() || id <= 0) return absl::OkStatus();  // there is none
  TaskQuery query;                                        // reads no payload, unlike GetTask
  query.after = id - 1;
  query.limit = 1;
  const absl::StatusOr<TaskPage> page = store_.ListTasks(query);
  if (!page.ok()) return page.status();
  if (page->tasks.empty() || page->tasks[0].core.id != id) return absl::OkStatus();
  if (Allows(page->tasks[0].spec.queue)) return absl::OkStatus();
  return Elsewhere(absl::StrCat("task ", id, " is in none of them"));
}

absl::Status QueueScope::CheckTasks(const std::set<TaskId>& ids) const {
  for (const TaskId id : ids) {
    if (absl::Status status = CheckTask(id); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status QueueScope::CheckBatch(BatchId id) const {
  if (!restricted()) return absl::OkStatus();
  const absl::StatusOr<std::set<std::string>> queues = known_.Of(id);
  if (absl::IsNotFound(queues.status())) return absl::OkStatus();
  if (!queues.ok()) return queues.status();
  const bool allowed = std::all_of(queues->begin(), queues->end(),
                                   [this](const std::string& queue) { return Allows(queue); });
  if (allowed) return absl::OkStatus();
  return Elsewhere(absl::StrCat("batch ", id, " has tasks in others"));
}

absl::Status QueueScope::CheckBatchToChange(BatchId id) const {
  if (!restricted()) return absl::OkStatus();
  const absl::StatusOr<std::set<std::string>> queues = known_.Of(id);
  if (queues.ok() && queues->empty()) {
    return Elsewhere(absl::StrCat("batch ", id,
                                  " has no tasks yet, so it is nobody's; begin one with its first "
                                  "tasks"));
  }
  return CheckBatch(id);
}

absl::Status QueueScope::Check(const InsertRequest& request) const {
  if (!restricted()) return absl::OkStatus();
  for (size_t i = 0; i < request.tasks.size(); ++i) {
    const absl::Status status = CheckQueue(request.tasks[i].queue);
    if (status.ok()) continue;
    return absl::PermissionDeniedError(
        absl::StrCat("tasks[", i, "]: ", status.message(), "; nothing was stored"));
  }
  return request.batch_id == 0 ? absl::OkStatus() : CheckBatchToChange(request.batch_id);
}

absl::Status QueueScope::Check(const Selection& selection) const {
  if (!restricted()) return absl::OkStatus();
  if (selection.batch_id != 0) return CheckBatchToChange(selection.batch_id);
  return CheckTasks({selection.ids.begin(), selection.ids.end()});
}

absl::Status QueueScope::Check(const ClaimRequest& claim) const {
  for (const std::string& queue : claim.queues) {
    if (absl::Status status = CheckQueue(queue); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status QueueScope::Check(absl::Span<const TaskResult> results) const {
  if (!restricted()) return absl::OkStatus();
  std::set<TaskId> ids;
  for (const TaskResult& result : results) ids.insert(result.task_id);
  return CheckTasks(ids);
}

absl::Status QueueScope::Check(absl::Span<const HeldLease> held) const {
  if (!restricted()) return absl::OkStatus();
  std::set<TaskId> ids;
  for (const HeldLease& lease : held) ids.insert(lease.lease.task_id);
  return CheckTasks(ids);
}

absl::Status QueueScope::Check(const TaskQuery& query) const {
  if (!restricted()) return absl::OkStatus();
  if (!query.queue.empty()) return CheckQueue(query.queue);
  if (query.batch_id != 0) return CheckBatch(query.batch_id);
  return Elsewhere("name one of them (--queue), or a batch");
}

}  // namespace tarea
