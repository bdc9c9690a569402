#ifndef TAREA_WORKER_HELD_TASK_H_
#define TAREA_WORKER_HELD_TASK_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/recent_output.h"
#include "proto/tasks.pb.h"
#include "worker/handler.h"

namespace tarea {

// One lease of a task, from when it was received until its result was recorded. Also the context
// that the handler sees. Thread-safe.
class HeldTask final : public TaskContext {
 public:
  // `clock` must outlive it. `log_each`: its start and end are worth a line each at level info.
  HeldTask(v1::LeasedTask task, Clock* clock, bool log_each);

  const v1::LeasedTask& task() const { return task_; }
  uint64_t lease_id() const { return task_.lease_id(); }
  absl::Time received_at() const { return received_at_; }
  bool log_each() const { return log_each_; }

  // "task 17 (echo)", for messages.
  std::string Name() const;

  // The handler starts: from here on its time counts. Answers when the attempt times out.
  absl::Time Start() ABSL_LOCKS_EXCLUDED(mu_);
  // How long ago that was; zero if it has not started.
  absl::Duration RanFor() const ABSL_LOCKS_EXCLUDED(mu_);

  // Asks the handler to end early. The first reason counts; false if there was one already.
  bool Stop(StopCause reason) ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);

  // Whoever gets true says what becomes of the task: the handler that ended, or the worker that
  // could not wait for it.
  bool Settle() ABSL_LOCKS_EXCLUDED(mu_);

  // What to tell the master, given what the handler returned.
  v1::TaskResult MakeResult(absl::StatusOr<std::string> returned) ABSL_LOCKS_EXCLUDED(mu_);
  // The same for a task that is given back.
  v1::TaskResult MakeRelease() const;

  // What the handler last said of its progress, if it said anything.
  std::optional<v1::Progress> progress() const ABSL_LOCKS_EXCLUDED(mu_);

  // Somebody follows the output, and has it up to these offsets; or nobody does any more.
  void Follow(std::optional<OutputOffsets> offsets) ABSL_LOCKS_EXCLUDED(mu_);
  bool followed() const ABSL_LOCKS_EXCLUDED(mu_);
  // What has been written behind the offsets, at most `max_bytes` of it; nothing if nobody follows.
  std::optional<TaskOutput> NewOutput(size_t max_bytes) const ABSL_LOCKS_EXCLUDED(mu_);

  // --- TaskContext
  StopCause stop_cause() const override ABSL_LOCKS_EXCLUDED(mu_);
  void OnStop(std::function<void()> callback) override ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);
  bool SleepFor(absl::Duration duration) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::Duration time_left() const override ABSL_LOCKS_EXCLUDED(mu_);
  void SetProgress(double fraction, absl::string_view message) override ABSL_LOCKS_EXCLUDED(mu_);
  void AppendOutput(OutputStream stream, absl::string_view text) override ABSL_LOCKS_EXCLUDED(mu_);
  void SetOutput(std::string output) override ABSL_LOCKS_EXCLUDED(mu_);
  void Log(absl::string_view message) override;

 private:
  bool StoppedLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return stop_cause_ != StopCause::kNone;
  }
  std::optional<TaskOutput> NewOutputLocked(size_t max_bytes) const ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const v1::LeasedTask task_;
  Clock* const clock_;
  const absl::Time received_at_;
  const bool log_each_;

  mutable absl::Mutex mu_;
  StopCause stop_cause_ ABSL_GUARDED_BY(mu_) = StopCause::kNone;
  absl::Time started_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  absl::Time deadline_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool settled_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<v1::Progress> progress_ ABSL_GUARDED_BY(mu_);
  std::string output_ ABSL_GUARDED_BY(mu_);
  // Most tasks write nothing.
  std::optional<RecentOutput> written_ ABSL_GUARDED_BY(mu_);
  std::optional<OutputOffsets> followed_from_ ABSL_GUARDED_BY(mu_);

  // Held while the callback runs, so that OnStop(nullptr) waits for it. Never together with mu_.
  absl::Mutex callback_mu_;
  std::function<void()> callback_ ABSL_GUARDED_BY(callback_mu_);
};

}  // namespace tarea

#endif  // TAREA_WORKER_HELD_TASK_H_
