#ifndef TAREA_WORKER_HANDLER_H_
#define TAREA_WORKER_HANDLER_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/recent_output.h"
#include "proto/tasks.pb.h"

// What a program of one's own implements to process tasks.
namespace tarea {

// Why a handler is asked to end early.
enum class StopCause {
  kNone,       // it is not
  kCancelled,  // somebody cancelled the task
  kTimedOut,   // the attempt is longer than the task's timeout
  kLost,       // the lease is gone: another worker may have the task
  kDraining,   // the worker ends and gives the task back
};

// What a handler may ask and say while it works on one attempt. Valid until the handler returns.
// Thread-safe: a handler may use threads of its own.
class TaskContext {
 public:
  virtual ~TaskContext() = default;

  // Whether to end early, and why. A handler that runs for long asks now and then, or uses OnStop
  // or SleepFor; one that never does is not interrupted, and if it succeeds all the same that
  // counts, unless its time was up.
  virtual StopCause stop_cause() const = 0;
  bool stopped() const { return stop_cause() != StopCause::kNone; }

  // Calls `callback` once, on another thread, as soon as the task is to stop; at once, on this
  // thread, if it is to stop already. Must not block. Replaces an earlier callback. After
  // OnStop(nullptr) has returned the earlier callback neither runs nor will run.
  virtual void OnStop(std::function<void()> callback) = 0;

  // Sleeps for `duration`, or until the task is to stop; true if it slept to the end.
  virtual bool SleepFor(absl::Duration duration) = 0;

  // Time until the attempt times out; InfiniteDuration if it does not.
  virtual absl::Duration time_left() const = 0;

  // How far the work is: 0.0 to 1.0, and a text for people. Reaches the master with the next
  // heartbeat, at most a third of the lease later.
  virtual void SetProgress(double fraction, absl::string_view message) = 0;

  // What the task writes, for those who follow it while it runs (client logs --follow). The end of
  // it is kept, some 256 KiB of each stream, until the handler returns; it is no part of the
  // result. Costs a copy in memory while nobody follows.
  virtual void AppendOutput(OutputStream /*stream*/, absl::string_view /*text*/) {}

  // Keeps `output` as the task's result even if the handler returns an error.
  virtual void SetOutput(std::string output) = 0;

  // For the worker's log: "task 17 (resize): ..." at level info.
  virtual void Log(absl::string_view message) = 0;
};

// Processes one attempt of a task and returns its result. Called on a thread of the worker, by
// several threads at once if the worker has several slots.
//
//     absl::StatusOr<std::string> Resize(const v1::LeasedTask& task, TaskContext& context) {
//       ...task.payload()...
//     }
//
// An error makes the attempt fail; it is tried again as the task's retry policy says. Its code and
// message are what people see. An exception counts as an error with code UNKNOWN. A task may run
// more than once (a worker that dies, a network that fails), so a handler should be safe to repeat;
// task.attempt() tells the attempt.
using Handler =
    std::function<absl::StatusOr<std::string>(const v1::LeasedTask& task, TaskContext& context)>;

// Marks an error so that the task fails at once, whatever its retry policy says: for input that can
// never work.
absl::Status NonRetryable(absl::Status status);
bool IsNonRetryable(const absl::Status& status);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLER_H_
