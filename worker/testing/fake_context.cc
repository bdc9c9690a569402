#include "worker/testing/fake_context.h"

#include <algorithm>

namespace tarea {

void FakeContext::Stop(StopCause cause) {
  {
    absl::MutexLock lock(&mu_);
    if (stop_cause_ != StopCause::kNone) return;
    stop_cause_ = cause;
  }
  absl::MutexLock lock(&callback_mu_);
  if (callback_ != nullptr) std::exchange(callback_, nullptr)();
}

void FakeContext::StopAfter(absl::Duration time, StopCause cause) {
  {
    absl::MutexLock lock(&mu_);
    if (time >= stop_after_) return;
    stop_after_ = time;
    stop_after_cause_ = cause;
  }
  Advance(absl::ZeroDuration());
}

void FakeContext::StopAtProgress(double fraction, StopCause cause) {
  absl::MutexLock lock(&mu_);
  stop_at_progress_.emplace_back(fraction, cause);
}

void FakeContext::SetTimeout(absl::Duration timeout) {
  {
    absl::MutexLock lock(&mu_);
    timeout_ = timeout;
  }
  StopAfter(timeout, StopCause::kTimedOut);
}

void FakeContext::Advance(absl::Duration by) {
  StopCause due = StopCause::kNone;
  {
    absl::MutexLock lock(&mu_);
    elapsed_ += by;
    if (elapsed_ >= stop_after_) due = stop_after_cause_;
  }
  if (due != StopCause::kNone) Stop(due);
}

std::vector<v1::Progress> FakeContext::progress() const {
  absl::MutexLock lock(&mu_);
  return progress_;
}

std::vector<std::string> FakeContext::logs() const {
  absl::MutexLock lock(&mu_);
  return logs_;
}

std::string FakeContext::output() const {
  absl::MutexLock lock(&mu_);
  return output_;
}

absl::Duration FakeContext::elapsed() const {
  absl::MutexLock lock(&mu_);
  return elapsed_;
}

StopCause FakeContext::stop_cause() const {
  absl::MutexLock lock(&mu_);
  return stop_cause_;
}

void FakeContext::OnStop(std::function<void()> callback) {
  {
    absl::MutexLock lock(&callback_mu_);
    callback_ = callback;
    // Stop sets the reason before it looks for a callback: one of the two sees the other.
    if (callback_ == nullptr || !stopped()) return;
    callback_ = nullptr;
  }
  callback();
}

bool FakeContext::SleepFor(absl::Duration duration) {
  absl::Duration slept = duration;
  {
    absl::MutexLock lock(&mu_);
    if (stop_cause_ != StopCause::kNone) return false;
    // Not beyond the moment of the stop.
    slept = std::clamp(stop_after_ - elapsed_, absl::ZeroDuration(), duration);
  }
  Advance(slept);
  return !stopped();
}

absl::Duration FakeContext::time_left() const {
  absl::MutexLock lock(&mu_);
  return timeout_ - elapsed_;
}

void FakeContext::SetProgress(double fraction, absl::string_view message) {
  StopCause due = StopCause::kNone;
  {
    absl::MutexLock lock(&mu_);
    v1::Progress& report = progress_.emplace_back();
    report.set_fraction(fraction);
    report.set_message(std::string(message));
    for (const auto& [at, cause] : stop_at_progress_) {
      if (fraction >= at && due == StopCause::kNone) due = cause;
    }
  }
  if (due != StopCause::kNone) Stop(due);
}

std::string FakeContext::written(OutputStream stream) const {
  absl::MutexLock lock(&mu_);
  return written_[static_cast<size_t>(stream)];
}

void FakeContext::AppendOutput(OutputStream stream, absl::string_view text) {
  absl::MutexLock lock(&mu_);
  written_[static_cast<size_t>(stream)].append(text.data(), text.size());
}

void FakeContext::SetOutput(std::string output) {
  absl::MutexLock lock(&mu_);
  output_ = std::move(output);
}

void FakeContext::Log(absl::string_view message) {
  absl::MutexLock lock(&mu_);
  logs_.emplace_back(message);
}

}  // namespace tarea
