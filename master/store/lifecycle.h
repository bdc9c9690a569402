#ifndef TAREA_MASTER_STORE_LIFECYCLE_H_
#define TAREA_MASTER_STORE_LIFECYCLE_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "master/store/store.h"
#include "master/store/task.h"

// What may become of a task: the decisions, as functions of values. Every store calls these and
// then writes down what they decided, so that a rule is written once whatever the database.
//
//                 delay, back-off
//            ┌──── SCHEDULED ◄───────────┐ failed, attempts left
//            ▼                           │
//   BLOCKED ► READY ──────────► RUNNING ─┼─► SUCCEEDED
//               ▲    claim               ├─► FAILED      (Retry: back to READY)
//               └────────────────────────┤
//                 lease lost, released   └─► CANCELLED   (Retry: back to READY)
//
// Every waiting state goes to CANCELLED too. A function that makes a task final sets state and
// finished_at; finish_seq, the order among finished tasks, is the store's to give.
//
// Times and durations are whole microseconds here and in every store.
namespace tarea {

// --- Limits
// -----------------------------------------------------------------------------------------

// RESOURCE_EXHAUSTED if `added` is more than the queue may still take.
absl::Status CheckQueueLimits(const StoreLimits& limits, const std::string& queue,
                              const QueueLoad& load, const QueueLoad& added);

// --- Waiting
// -----------------------------------------------------------------------------------------

// The core of a task that is inserted at `now`, before its parents are looked at: READY or
// SCHEDULED.
TaskCore NewTask(const TaskSpec& spec, TaskId id, BatchId batch_id, absl::Time now);

// A task that waits for nothing but time goes READY or SCHEDULED.
void Unblock(TaskCore& task, absl::Time now);

// SCHEDULED to READY; its time has come.
void Promote(TaskCore& task);

// Whether the first attempt may no longer start.
bool StartExpired(const TaskCore& task, absl::Time now);

// The error of a task that is cancelled because of that.
TaskError StartExpiredError(absl::Duration expires_in);

// --- Parents
// -----------------------------------------------------------------------------------------

// What a parent's state means for a task that depends on it.
enum class ParentVerdict {
  kWait,    // not finished
  kPass,    // in the way no longer
  kCancel,  // the task cannot run
};
ParentVerdict JudgeParent(TaskState parent, bool run_on_parent_failure);

// The error of a task that is cancelled because of its parent.
TaskError ParentError(TaskId parent, TaskState state);

// --- An attempt
// ----------------------------------------------------------------------------------------

// READY to RUNNING.
void StartAttempt(TaskCore& task, absl::Time now, absl::Duration lease, LeaseId lease_id,
                  const std::string& worker);

// How a result is to be treated.
enum class ResultVerdict {
  kApply,           // for the lease that is current, or ran out without another begun: ApplyResult
  kCompareResult,   // for the attempt that succeeded: recorded if the bytes are equal, else stale
  kCompareAttempt,  // recorded if the attempt with this lease id ended the same way, else stale
};
ResultVerdict JudgeResult(const TaskCore& task, const TaskResult& result);

// Whether ApplyResult looks at the retry policy.
bool NeedsRetryPolicy(const TaskResult& result);

// How an attempt ended, for the store to write down.
struct AttemptEnd {
  // The record of the attempt, to write in place of one with the same number, if there is one.
  std::optional<Attempt> record;
  // There must be no record of attempt `erase`; 0: nothing to do. (A success has none; a released
  // attempt never was.)
  int erase = 0;
  // The task's last error. Code 0: the error that is stored stays (the reason of a cancel), unless
  // the task succeeded, which has none.
  TaskError error;
};

// The end of an attempt by its worker's result.
AttemptEnd ApplyResult(TaskCore& task, const RetryPolicy& policy, const TaskResult& result,
                       absl::Time now);

// The end of an attempt because its lease ran out.
AttemptEnd LoseLease(TaskCore& task, absl::Time now);

// Whether a lease of `task` is that of the worker who says so, as in TaskResult::worker.
inline bool IsOf(const TaskCore& task, const std::string& worker) {
  return worker.empty() || worker == task.worker;
}

// Whether `result` is the one that `attempt` recorded, sent again.
bool IsRepeated(const Attempt& attempt, const TaskResult& result);

// The attempts to show: `records`, sorted by number, and the current or successful one, which has
// no record of its own.
std::vector<Attempt> AllAttempts(const TaskCore& task, std::vector<Attempt> records);

// The wait after failed attempt number `attempt` (from 1). The jitter is a hash of the arguments,
// so that the same task waits the same time in every store and in every replay of a simulation.
absl::Duration Backoff(const RetryPolicy& policy, TaskId id, int attempt);

// --- Cancel and retry
// ------------------------------------------------------------------------------------

enum class CancelVerdict { kCancelled, kStopping, kFinished };

// Asks a task to end. kStopping: it runs, and cancel_requested is set.
CancelVerdict CancelTask(TaskCore& task, absl::Time now);

// FAILED or CANCELLED to READY, with as many attempts again as the policy allows.
void RetryTask(TaskCore& task, const RetryPolicy& policy, absl::Time now);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_LIFECYCLE_H_
