#ifndef TAREA_TESTS_UNIT_WORKER_FAKE_CONTEXT_H_
#define TAREA_TESTS_UNIT_WORKER_FAKE_CONTEXT_H_

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "worker/handler.h"

namespace tarea {

// A context whose task is stopped by the test. Thread-safe.
class FakeContext : public TaskContext {
 public:
  // Returns when the handler's callback has.
  void Stop(StopCause reason) {
    absl::MutexLock callback_lock(&callback_mu_);
    {
      absl::MutexLock lock(&mu_);
      reason_ = reason;
    }
    if (auto callback = std::exchange(callback_, nullptr)) callback();
  }

  std::string output() const {
    absl::MutexLock lock(&mu_);
    return output_;
  }
  std::vector<double> progress() const {
    absl::MutexLock lock(&mu_);
    return progress_;
  }

  StopCause stop_cause() const override {
    absl::MutexLock lock(&mu_);
    return reason_;
  }
  void OnStop(std::function<void()> callback) override {
    absl::MutexLock callback_lock(&callback_mu_);
    if (callback != nullptr && stopped()) {
      callback();
    } else {
      callback_ = std::move(callback);
    }
  }
  bool SleepFor(absl::Duration duration) override {
    absl::MutexLock lock(&mu_);
    return !mu_.AwaitWithTimeout(
        absl::Condition(
            +[](StopCause* r) { return *r != StopCause::kNone; }, &reason_),
        duration);
  }
  absl::Duration time_left() const override { return absl::InfiniteDuration(); }
  void SetProgress(double fraction, absl::string_view /*message*/) override {
    absl::MutexLock lock(&mu_);
    progress_.push_back(fraction);
  }
  void SetOutput(std::string output) override {
    absl::MutexLock lock(&mu_);
    output_ = std::move(output);
  }
  void Log(absl::string_view /*message*/) override {}

 private:
  // Held while the callback runs, so that OnStop(nullptr) waits for it.
  absl::Mutex callback_mu_ ABSL_ACQUIRED_BEFORE(mu_);
  std::function<void()> callback_ ABSL_GUARDED_BY(callback_mu_);
  mutable absl::Mutex mu_;
  StopCause reason_ ABSL_GUARDED_BY(mu_) = StopCause::kNone;
  std::string output_ ABSL_GUARDED_BY(mu_);
  std::vector<double> progress_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_TESTS_UNIT_WORKER_FAKE_CONTEXT_H_
