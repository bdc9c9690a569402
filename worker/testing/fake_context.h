#ifndef TAREA_WORKER_TESTING_FAKE_CONTEXT_H_
#define TAREA_WORKER_TESTING_FAKE_CONTEXT_H_

#include <array>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/recent_output.h"
#include "proto/tasks.pb.h"
#include "worker/handler.h"

namespace tarea {

// What a handler sees of its worker, in the hands of a test: notes what the handler says, and tells
// it to stop when the test wants it. Usually had from HandlerTest (worker/testing/handler_test.h).
//
// Time is the test's own. It begins at zero and moves only by SleepFor, which returns at once, and
// by Advance; so a handler that sleeps for an hour between two looks takes no time to test.
// Thread-safe.
class FakeContext final : public TaskContext {
 public:
  // --- What the test says
  // The task is to stop now. The first reason counts. Returns when the handler's callback has.
  void Stop(StopCause cause) ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);
  // It is to stop once so much time has passed, counted from the beginning. The earliest counts.
  void StopAfter(absl::Duration time, StopCause cause) ABSL_LOCKS_EXCLUDED(mu_);
  // It is to stop as soon as it reports a progress of at least this.
  void StopAtProgress(double fraction, StopCause cause) ABSL_LOCKS_EXCLUDED(mu_);
  // The attempt times out once so much time has passed: time_left() counts down to it.
  void SetTimeout(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Lets time pass, for instance from within what the handler calls.
  void Advance(absl::Duration by) ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);

  // --- What the handler said
  // All of its reports, the first one first.
  std::vector<v1::Progress> progress() const ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> logs() const ABSL_LOCKS_EXCLUDED(mu_);
  // Of the last SetOutput.
  std::string output() const ABSL_LOCKS_EXCLUDED(mu_);
  // All that it gave to AppendOutput for this stream.
  std::string written(OutputStream stream) const ABSL_LOCKS_EXCLUDED(mu_);
  // How much time has passed.
  absl::Duration elapsed() const ABSL_LOCKS_EXCLUDED(mu_);

  // --- TaskContext. A stop that falls due in SleepFor or SetProgress calls the handler's callback
  // on the thread that is in there.
  StopCause stop_cause() const override ABSL_LOCKS_EXCLUDED(mu_);
  void OnStop(std::function<void()> callback) override ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);
  bool SleepFor(absl::Duration duration) override ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);
  absl::Duration time_left() const override ABSL_LOCKS_EXCLUDED(mu_);
  void SetProgress(double fraction, absl::string_view message) override
      ABSL_LOCKS_EXCLUDED(mu_, callback_mu_);
  void AppendOutput(OutputStream stream, absl::string_view text) override ABSL_LOCKS_EXCLUDED(mu_);
  void SetOutput(std::string output) override ABSL_LOCKS_EXCLUDED(mu_);
  void Log(absl::string_view message) override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  StopCause stop_cause_ ABSL_GUARDED_BY(mu_) = StopCause::kNone;
  absl::Duration elapsed_ ABSL_GUARDED_BY(mu_);
  absl::Duration timeout_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  absl::Duration stop_after_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  StopCause stop_after_cause_ ABSL_GUARDED_BY(mu_) = StopCause::kNone;
  // In the order in which they were asked for.
  std::vector<std::pair<double, StopCause>> stop_at_progress_ ABSL_GUARDED_BY(mu_);
  std::vector<v1::Progress> progress_ ABSL_GUARDED_BY(mu_);
  std::vector<std::string> logs_ ABSL_GUARDED_BY(mu_);
  std::string output_ ABSL_GUARDED_BY(mu_);
  std::array<std::string, kOutputStreams> written_ ABSL_GUARDED_BY(mu_);

  // Held while the callback runs, so that OnStop(nullptr) waits for it. Never together with mu_.
  absl::Mutex callback_mu_;
  std::function<void()> callback_ ABSL_GUARDED_BY(callback_mu_);
};

}  // namespace tarea

#endif  // TAREA_WORKER_TESTING_FAKE_CONTEXT_H_
