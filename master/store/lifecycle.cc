#include "master/store/lifecycle.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

int Code(absl::StatusCode code) { return static_cast<int>(code); }

void Finish(TaskCore& task, TaskState state, absl::Time now) {
  task.state = state;
  task.finished_at = now;
  task.blocked_on = 0;
  task.lease_until = absl::InfinitePast();
  task.cancel_requested = false;
}

void MakeReady(TaskCore& task, absl::Time now) {
  task.state = TaskState::kReady;
  task.ready_at = now;
  task.lease_until = absl::InfinitePast();
  task.cancel_requested = false;
}

void ScheduleAt(TaskCore& task, absl::Time at) {
  task.state = TaskState::kScheduled;
  task.ready_at = at;
  task.lease_until = absl::InfinitePast();
  task.cancel_requested = false;
}

// A uniform number in [0, 1) from two numbers; the finaliser is that of SplitMix64 (Steele, Lea and
// Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014).
double HashToUnit(uint64_t a, uint64_t b) {
  uint64_t x = a * 0x9E3779B97F4A7C15u + b;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  x ^= x >> 31;
  return static_cast<double>(x >> 11) * 0x1.0p-53;
}

AttemptOutcome OutcomeOf(const TaskResult& result) {
  switch (result.outcome) {
    case ResultOutcome::kSucceeded:
      return AttemptOutcome::kSucceeded;
    case ResultOutcome::kTimedOut:
      return AttemptOutcome::kTimedOut;
    case ResultOutcome::kCancelled:
      return AttemptOutcome::kCancelled;
    case ResultOutcome::kFailed:
    case ResultOutcome::kReleased:
      break;
  }
  return AttemptOutcome::kFailed;
}

// The error of a result, filled in where its worker gave none.
TaskError ErrorOf(const TaskResult& result) {
  TaskError error = result.error;
  switch (result.outcome) {
    case ResultOutcome::kTimedOut:
      if (error.code == 0) error.code = Code(absl::StatusCode::kDeadlineExceeded);
      if (error.message.empty()) error.message = "the attempt ran longer than its timeout";
      break;
    case ResultOutcome::kCancelled:
      if (error.code == 0) error.code = Code(absl::StatusCode::kCancelled);
      if (error.message.empty()) error.message = "stopped by its worker";
      break;
    case ResultOutcome::kFailed:
      if (error.code == 0) error.code = Code(absl::StatusCode::kUnknown);
      break;
    case ResultOutcome::kSucceeded:
    case ResultOutcome::kReleased:
      return {};
  }
  return error;
}

Attempt RecordOf(const TaskCore& task, AttemptOutcome outcome, TaskError error, absl::Time now) {
  Attempt attempt;
  attempt.number = task.attempt;
  attempt.outcome = outcome;
  attempt.lease_id = task.lease_id;
  attempt.worker = task.worker;
  attempt.started_at = task.started_at;
  attempt.ended_at = now;
  attempt.error = std::move(error);
  return attempt;
}

AttemptEnd Release(TaskCore& task, absl::Time now) {
  AttemptEnd end;
  end.erase = task.attempt;
  const bool cancel = task.cancel_requested;
  task.attempt--;
  task.lease_id = 0;
  task.lease_lost = false;
  task.worker.clear();
  task.started_at = absl::InfinitePast();
  MakeReady(task, now);
  if (cancel) Finish(task, TaskState::kCancelled, now);
  return end;
}

// A limit of a queue that is not kept.
absl::Status QueueIsFull(const std::string& queue, int64_t would_have, absl::string_view what,
                         int64_t limit, absl::string_view flag) {
  return absl::ResourceExhaustedError(absl::StrCat("queue '", queue, "' would have ", would_have,
                                                   what, "; the limit is ", limit, " (", flag,
                                                   "); try again when some are finished"));
}

}  // namespace

absl::Status CheckQueueLimits(const StoreLimits& limits, const std::string& queue,
                              const QueueLoad& load, const QueueLoad& added) {
  if (const int64_t tasks = load.tasks + added.tasks; tasks > limits.max_queue_depth) {
    return QueueIsFull(queue, tasks, " unfinished tasks", limits.max_queue_depth,
                       "--max-queue-depth");
  }
  if (const int64_t bytes = load.bytes + added.bytes; bytes > limits.max_queue_bytes) {
    return QueueIsFull(queue, bytes, " bytes of payload of unfinished tasks",
                       limits.max_queue_bytes, "--max-queue-bytes");
  }
  return absl::OkStatus();
}

// --- Waiting
// -----------------------------------------------------------------------------------------

TaskCore NewTask(const TaskSpec& spec, TaskId id, BatchId batch_id, absl::Time now) {
  TaskCore task;
  task.id = id;
  task.batch_id = batch_id;
  task.priority = spec.priority;
  task.max_attempts = spec.retry.max_attempts;
  task.created_at = now;
  task.ready_at = now + spec.delay;
  task.start_by = now + spec.expires_in;
  task.run_on_parent_failure = spec.run_on_parent_failure;
  task.has_key = !spec.key.empty();
  Unblock(task, now);
  return task;
}

void Unblock(TaskCore& task, absl::Time now) {
  task.blocked_on = 0;
  task.ready_at = std::max(task.ready_at, now);
  task.state = task.ready_at > now ? TaskState::kScheduled : TaskState::kReady;
}

void Promote(TaskCore& task) { task.state = TaskState::kReady; }

bool StartExpired(const TaskCore& task, absl::Time now) {
  return task.attempt == 0 && task.start_by <= now;
}

TaskError StartExpiredError(absl::Duration expires_in) {
  return {Code(absl::StatusCode::kDeadlineExceeded),
          absl::StrCat("not started within its expires_in of ", absl::FormatDuration(expires_in))};
}

// --- Parents
// -----------------------------------------------------------------------------------------

ParentVerdict JudgeParent(TaskState parent, bool run_on_parent_failure) {
  if (!IsFinal(parent)) return ParentVerdict::kWait;
  if (parent == TaskState::kSucceeded || run_on_parent_failure) return ParentVerdict::kPass;
  return ParentVerdict::kCancel;
}

TaskError ParentError(TaskId parent, TaskState state) {
  return {Code(absl::StatusCode::kCancelled),
          absl::StrCat("task ", parent, ", which it depends on, ",
                       state == TaskState::kFailed ? "failed" : "was cancelled")};
}

// --- An attempt
// ----------------------------------------------------------------------------------------

void StartAttempt(TaskCore& task, absl::Time now, absl::Duration lease, LeaseId lease_id,
                  const std::string& worker) {
  task.state = TaskState::kRunning;
  task.attempt++;
  task.lease_id = lease_id;
  task.lease_until = now + lease;
  task.lease_lost = false;
  task.worker = worker;
  task.started_at = now;
}

ResultVerdict JudgeResult(const TaskCore& task, const TaskResult& result) {
  if (task.lease_id != result.lease_id || !IsOf(task, result.worker)) {
    return ResultVerdict::kCompareAttempt;
  }
  if (task.state == TaskState::kRunning) return ResultVerdict::kApply;
  if (task.lease_lost && !IsFinal(task.state)) return ResultVerdict::kApply;
  return task.state == TaskState::kSucceeded ? ResultVerdict::kCompareResult
                                             : ResultVerdict::kCompareAttempt;
}

bool NeedsRetryPolicy(const TaskResult& result) {
  return result.outcome == ResultOutcome::kFailed || result.outcome == ResultOutcome::kTimedOut ||
         result.outcome == ResultOutcome::kCancelled;
}

AttemptEnd ApplyResult(TaskCore& task, const RetryPolicy& policy, const TaskResult& result,
                       absl::Time now) {
  if (result.outcome == ResultOutcome::kReleased) return Release(task, now);
  AttemptEnd end;
  task.lease_lost = false;
  if (result.outcome == ResultOutcome::kSucceeded) {
    end.erase = task.attempt;
    Finish(task, TaskState::kSucceeded, now);
    return end;
  }
  end.error = ErrorOf(result);
  end.record = RecordOf(task, OutcomeOf(result), end.error, now);
  if (task.cancel_requested) {
    Finish(task, TaskState::kCancelled, now);
    end.error = {};
  } else if (result.non_retryable || task.attempt >= task.max_attempts ||
             absl::c_linear_search(policy.non_retryable_codes, end.error.code)) {
    Finish(task, TaskState::kFailed, now);
  } else if (const absl::Duration wait = Backoff(policy, task.id, task.attempt);
             wait > absl::ZeroDuration()) {
    ScheduleAt(task, now + wait);
  } else {
    MakeReady(task, now);
  }
  return end;
}

AttemptEnd LoseLease(TaskCore& task, absl::Time now) {
  AttemptEnd end;
  end.error = {Code(absl::StatusCode::kUnavailable),
               absl::StrCat("worker '", task.worker, "' was lost: its lease ran out in attempt ",
                            task.attempt, " of ", task.max_attempts)};
  end.record = RecordOf(task, AttemptOutcome::kLost, end.error, now);
  if (task.cancel_requested) {
    Finish(task, TaskState::kCancelled, now);
    end.error = {};
  } else if (task.attempt >= task.max_attempts) {
    Finish(task, TaskState::kFailed, now);
  } else {
    MakeReady(task, now);
    task.lease_lost = true;
  }
  return end;
}

bool IsRepeated(const Attempt& attempt, const TaskResult& result) {
  return result.outcome != ResultOutcome::kReleased && attempt.outcome == OutcomeOf(result) &&
         attempt.error == ErrorOf(result);
}

std::vector<Attempt> AllAttempts(const TaskCore& task, std::vector<Attempt> records) {
  if (task.state == TaskState::kRunning) {
    records.push_back(RecordOf(task, AttemptOutcome::kRunning, {}, absl::InfiniteFuture()));
  } else if (task.state == TaskState::kSucceeded) {
    records.push_back(RecordOf(task, AttemptOutcome::kSucceeded, {}, task.finished_at));
  }
  return records;
}

absl::Duration Backoff(const RetryPolicy& policy, TaskId id, int attempt) {
  const absl::Duration longest = std::max(policy.max_backoff, policy.initial_backoff);
  // Beyond 2^60 everything is longer than any max_backoff.
  const double factor = std::min(std::pow(policy.multiplier, attempt - 1), 0x1.0p60);
  const absl::Duration wait = std::min(policy.initial_backoff * factor, longest);
  const double unit = HashToUnit(static_cast<uint64_t>(id), static_cast<uint64_t>(attempt));
  return absl::Trunc(wait * (1.0 - policy.jitter * unit), absl::Microseconds(1));
}

// --- Cancel and retry
// ------------------------------------------------------------------------------------

CancelVerdict CancelTask(TaskCore& task, absl::Time now) {
  if (IsFinal(task.state)) return CancelVerdict::kFinished;
  if (task.state == TaskState::kRunning) {
    task.cancel_requested = true;
    return CancelVerdict::kStopping;
  }
  Finish(task, TaskState::kCancelled, now);
  return CancelVerdict::kCancelled;
}

void RetryTask(TaskCore& task, const RetryPolicy& policy, absl::Time now) {
  task.max_attempts = task.attempt + policy.max_attempts;
  task.finished_at = absl::InfiniteFuture();
  task.finish_seq = 0;
  task.start_by = absl::InfiniteFuture();
  task.lease_lost = false;
  MakeReady(task, now);
}

}  // namespace tarea
