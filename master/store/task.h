#ifndef TAREA_MASTER_STORE_TASK_H_
#define TAREA_MASTER_STORE_TASK_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

// The values that a store keeps and hands out. Plain data; what may become of a task is decided in
// lifecycle.h. Limits are checked before a value gets here (request_validation.h).
namespace tarea {

using TaskId = int64_t;   // from 1; 0 is no task
using BatchId = int64_t;  // from 1; 0 is no batch
using LeaseId = int64_t;  // positive; 0 is no lease. Never given out twice by one store.

// Stored as these numbers, which are also those of the proto.
enum class TaskState : int8_t {
  kBlocked = 1,
  kScheduled = 2,
  kReady = 3,
  kRunning = 4,
  kSucceeded = 5,
  kFailed = 6,
  kCancelled = 7,
};
inline constexpr int kTaskStates = 7;

constexpr bool IsFinal(TaskState state) { return state >= TaskState::kSucceeded; }

struct RetryPolicy {
  int max_attempts = 3;
  absl::Duration initial_backoff = absl::Seconds(1);
  double multiplier = 2.0;
  absl::Duration max_backoff = absl::Minutes(5);
  double jitter = 0.2;
  std::vector<int> non_retryable_codes;

  friend bool operator==(const RetryPolicy&, const RetryPolicy&) = default;
};

// What a client asks for, with defaults filled in.
struct TaskSpec {
  std::string type;
  std::string payload;
  std::string queue = "default";
  int priority = 0;
  absl::Duration delay;  // zero: none
  std::string key;       // empty: none
  std::vector<TaskId> depends_on;
  std::vector<int> depends_on_index;  // positions in the same insert; a stored task has none
  bool run_on_parent_failure = false;
  RetryPolicy retry;
  absl::Duration timeout = absl::InfiniteDuration();
  absl::Duration expires_in = absl::InfiniteDuration();
  std::map<std::string, std::string> labels;

  friend bool operator==(const TaskSpec&, const TaskSpec&) = default;
};

struct TaskError {
  int code = 0;  // google.rpc.Code; 0: no error
  std::string message;

  friend bool operator==(const TaskError&, const TaskError&) = default;
};

// Numbers as stored and in the proto.
enum class AttemptOutcome : int8_t {
  kRunning = 1,
  kSucceeded = 2,
  kFailed = 3,
  kTimedOut = 4,
  kLost = 5,
  kCancelled = 6,
};

struct Attempt {
  int number = 0;
  AttemptOutcome outcome = AttemptOutcome::kRunning;
  LeaseId lease_id = 0;
  std::string worker;
  absl::Time started_at;
  absl::Time ended_at = absl::InfiniteFuture();  // InfiniteFuture: it runs
  TaskError error;

  friend bool operator==(const Attempt&, const Attempt&) = default;
};

// The part of a task that changes while it lives, small and kept apart from payload and result.
struct TaskCore {
  TaskId id = 0;
  BatchId batch_id = 0;
  TaskState state = TaskState::kReady;
  int priority = 0;
  int attempt = 0;       // attempts started
  int max_attempts = 3;  // attempts allowed; RetryTasks raises it
  int blocked_on = 0;    // parents that are not settled
  LeaseId lease_id = 0;  // of the current or last attempt; 0 after a release
  absl::Time created_at;
  absl::Time ready_at;                              // order among ready tasks
  absl::Time start_by = absl::InfiniteFuture();     // first attempt must start before
  absl::Time started_at = absl::InfinitePast();     // current or last attempt
  absl::Time lease_until = absl::InfinitePast();    // RUNNING only
  absl::Time finished_at = absl::InfiniteFuture();  // final states only
  int64_t finish_seq = 0;                           // order among finished tasks; 0 until then
  std::string worker;                               // of the current or last attempt
  bool lease_lost = false;        // the last lease ran out and no result came for it yet
  bool cancel_requested = false;  // RUNNING only
  bool run_on_parent_failure = false;
  bool has_key = false;
  bool has_dependents = false;  // some task names it in depends_on
  bool has_outcome = false;     // a result or an error is stored

  friend bool operator==(const TaskCore&, const TaskCore&) = default;
};

// All of a task, as read.
struct Task {
  TaskCore core;
  TaskSpec spec;       // payload only where asked for
  std::string result;  // only where asked for
  TaskError error;     // the last one
  int64_t payload_size = 0;
  int64_t result_size = 0;
  std::vector<Attempt> attempts;  // only in GetTask; oldest first

  friend bool operator==(const Task&, const Task&) = default;
};

// Tasks per state. Index with a state.
struct Counts {
  int64_t by_state[kTaskStates] = {};

  int64_t& operator[](TaskState state) { return by_state[static_cast<int>(state) - 1]; }
  int64_t operator[](TaskState state) const { return by_state[static_cast<int>(state) - 1]; }
  int64_t Waiting() const { return by_state[0] + by_state[1] + by_state[2]; }
  int64_t Unfinished() const { return Waiting() + by_state[3]; }
  int64_t Total() const { return Unfinished() + by_state[4] + by_state[5] + by_state[6]; }

  friend bool operator==(const Counts&, const Counts&) = default;
};

struct Batch {
  BatchId id = 0;
  std::string name;
  absl::Time created_at;
  // When its last task finished; InfiniteFuture while one is unfinished.
  absl::Time idle_since = absl::InfiniteFuture();
  bool open = false;
  Counts counts;

  // Nothing will ever change in it again, unless a task is retried by hand.
  bool Finished() const { return !open && counts.Unfinished() == 0; }

  friend bool operator==(const Batch&, const Batch&) = default;
};

// What a queue holds.
struct QueueLoad {
  int64_t tasks = 0;  // unfinished
  int64_t bytes = 0;  // of their payloads
};

struct Queue {
  std::string name;
  bool paused = false;
  Counts counts;
  int64_t unfinished_bytes = 0;                         // of payloads of its unfinished tasks
  std::vector<std::string> types;                       // sorted
  absl::Time oldest_ready_at = absl::InfiniteFuture();  // InfiniteFuture: none is ready

  friend bool operator==(const Queue&, const Queue&) = default;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_TASK_H_
