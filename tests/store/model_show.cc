#include "tests/store/model_show.h"

#include <map>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"

namespace tarea {
namespace {

// "name=value" with a space before it.
template <typename T>
std::string Field(const char* name, const T& value) {
  return absl::StrCat(" ", name, "=", value);
}

std::string Quoted(const std::string& text) { return absl::StrCat("'", absl::CEscape(text), "'"); }

template <typename Numbers>
std::string List(const Numbers& numbers) {
  return absl::StrCat("[", absl::StrJoin(numbers, ","), "]");
}

std::string ShowLabels(const std::map<std::string, std::string>& labels) {
  return Quoted(absl::StrJoin(labels, ",", absl::PairFormatter("=")));
}

std::string ShowError(const TaskError& error) {
  return absl::StrCat(error.code, ":", Quoted(error.message));
}

std::string ShowCounts(const Counts& counts) { return List(counts.by_state); }

std::string ShowCore(const TaskCore& core) {
  return absl::StrCat(
      "task ", core.id, Field("batch", core.batch_id), Field("state", static_cast<int>(core.state)),
      Field("priority", core.priority), Field("attempt", core.attempt),
      Field("max_attempts", core.max_attempts), Field("blocked_on", core.blocked_on),
      Field("lease_id", core.lease_id), Field("created_at", Show(core.created_at)),
      Field("ready_at", Show(core.ready_at)), Field("start_by", Show(core.start_by)),
      Field("started_at", Show(core.started_at)), Field("lease_until", Show(core.lease_until)),
      Field("finished_at", Show(core.finished_at)), Field("finish_seq", core.finish_seq),
      Field("worker", Quoted(core.worker)), Field("lease_lost", core.lease_lost),
      Field("cancel_requested", core.cancel_requested),
      Field("run_on_parent_failure", core.run_on_parent_failure), Field("has_key", core.has_key),
      Field("has_dependents", core.has_dependents), Field("has_outcome", core.has_outcome));
}

std::string ShowSpec(const TaskSpec& spec) {
  return absl::StrCat(
      Field("type", spec.type), Field("queue", spec.queue), Field("payload", Quoted(spec.payload)),
      Field("spec.priority", spec.priority), Field("delay", Show(spec.delay)),
      Field("key", Quoted(spec.key)), Field("depends_on", List(spec.depends_on)),
      Field("depends_on_index", List(spec.depends_on_index)),
      Field("spec.run_on_parent_failure", spec.run_on_parent_failure),
      Field("retry",
            absl::StrCat(spec.retry.max_attempts, "/", Show(spec.retry.initial_backoff), "/",
                         spec.retry.multiplier, "/", Show(spec.retry.max_backoff), "/",
                         spec.retry.jitter, "/", List(spec.retry.non_retryable_codes))),
      Field("timeout", Show(spec.timeout)), Field("expires_in", Show(spec.expires_in)),
      Field("labels", ShowLabels(spec.labels)));
}

std::string ShowAttempt(const Attempt& attempt) {
  return absl::StrCat("{", attempt.number, Field("outcome", static_cast<int>(attempt.outcome)),
                      Field("lease_id", attempt.lease_id), Field("worker", Quoted(attempt.worker)),
                      Field("started_at", Show(attempt.started_at)),
                      Field("ended_at", Show(attempt.ended_at)),
                      Field("error", ShowError(attempt.error)), "}");
}

}  // namespace

std::string Show(absl::Time time) {
  if (time == absl::InfiniteFuture()) return "never";
  if (time == absl::InfinitePast()) return "past";
  return absl::StrCat(absl::ToUnixMicros(time));
}

std::string Show(absl::Duration duration) { return absl::FormatDuration(duration); }

std::string Show(const InsertAnswer& answer) {
  std::string text =
      absl::StrCat("inserted", Field("batch", answer.batch_id),
                   Field("first", answer.first_task_id), Field("repeated", answer.repeated));
  for (const InsertAnswer::Existing& existing : answer.existing) {
    absl::StrAppend(&text, " ", existing.index, ":", existing.task_id);
  }
  return text;
}

std::string Show(const LeasedTask& task) {
  return absl::StrCat(
      "leased ", task.task_id, Field("batch", task.batch_id), Field("lease_id", task.lease_id),
      Field("attempt", task.attempt), Field("max_attempts", task.max_attempts),
      Field("type", task.type), Field("queue", task.queue), Field("payload", Quoted(task.payload)),
      Field("timeout", Show(task.timeout)), Field("labels", ShowLabels(task.labels)));
}

std::string Show(ResultStatus status) {
  switch (status) {
    case ResultStatus::kRecorded:
      return "recorded";
    case ResultStatus::kStale:
      return "stale";
    case ResultStatus::kUnknown:
      return "unknown";
  }
  return "not a status";
}

std::string Show(const Stop& stop) {
  return absl::StrCat("stop ", stop.task_id, Field("lease_id", stop.lease_id),
                      Field("reason", static_cast<int>(stop.reason)));
}

std::string Show(const AdvanceAnswer& answer) {
  return absl::StrCat("advanced", Field("expired_leases", answer.expired_leases),
                      Field("promoted", answer.promoted),
                      Field("expired_tasks", answer.expired_tasks),
                      Field("settled", answer.settled), Field("more", answer.more),
                      Field("lost_workers", absl::StrJoin(answer.lost_workers, ",")));
}

std::string Show(const CancelAnswer& answer) {
  return absl::StrCat("cancelled ", answer.cancelled, Field("stopping", answer.stopping),
                      Field("finished", answer.finished), Field("next", answer.next));
}

std::string Show(const RetryAnswer& answer) {
  return absl::StrCat("retried ", answer.retried, Field("skipped", answer.skipped),
                      Field("next", answer.next));
}

std::string Show(const Effects& effects) {
  std::string text = "effects: ready";
  for (const auto& [lane, count] : effects.ready) {
    absl::StrAppend(&text, " ", lane.first, "/", lane.second, ":", count);
  }
  absl::StrAppend(&text, Field("batches", List(effects.batches)));
  for (const Effects::Notice& notice : effects.stops) {
    absl::StrAppend(&text, " ", Quoted(notice.worker), " ", Show(notice.stop));
  }
  return absl::StrCat(text, Field("next_due", Show(effects.next_due)));
}

std::string Show(const Task& task) {
  std::string text =
      absl::StrCat(ShowCore(task.core), ShowSpec(task.spec), Field("result", Quoted(task.result)),
                   Field("error", ShowError(task.error)), Field("payload_size", task.payload_size),
                   Field("result_size", task.result_size));
  for (const Attempt& attempt : task.attempts) absl::StrAppend(&text, " ", ShowAttempt(attempt));
  return text;
}

std::string Show(const Batch& batch) {
  return absl::StrCat("batch ", batch.id, Field("name", Quoted(batch.name)),
                      Field("created_at", Show(batch.created_at)),
                      Field("idle_since", Show(batch.idle_since)), Field("open", batch.open),
                      Field("counts", ShowCounts(batch.counts)));
}

std::string Show(const Queue& queue) {
  return absl::StrCat("queue ", queue.name, Field("paused", queue.paused),
                      Field("counts", ShowCounts(queue.counts)), Field("types", List(queue.types)),
                      Field("unfinished_bytes", queue.unfinished_bytes),
                      Field("oldest_ready_at", Show(queue.oldest_ready_at)));
}

std::string Show(const TaskPage& page) {
  return absl::StrCat(Show(page.tasks), Field("next", page.next));
}

std::string Show(const FinishedPage& page) {
  return absl::StrCat(Show(page.tasks), Field("cursor", page.cursor), Field("more", page.more), " ",
                      Show(page.batch));
}

std::string Show(const BatchQueues& queues) {
  return absl::StrCat(Show(queues.queues), Field("last", queues.last));
}

}  // namespace tarea
