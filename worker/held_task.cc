#include "worker/held_task.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

// What is kept of each stream for those who follow: two or three screens, and what a command writes
// in the time that they take to come back after a master has restarted.
constexpr size_t kKeptOutput = size_t{256} << 10;

}  // namespace

HeldTask::HeldTask(v1::LeasedTask task, Clock* clock, bool log_each)
    : task_(std::move(task)), clock_(clock), received_at_(clock->Now()), log_each_(log_each) {
  if (task_.follow()) followed_from_.emplace();
}

std::string HeldTask::Name() const {
  return absl::StrCat("task ", task_.task_id(), " (", Printable(task_.type()), ")");
}

absl::Time HeldTask::Start() {
  absl::MutexLock lock(&mu_);
  started_at_ = clock_->Now();
  if (task_.has_timeout()) deadline_ = started_at_ + FromProto(task_.timeout());
  return deadline_;
}

absl::Duration HeldTask::RanFor() const {
  absl::MutexLock lock(&mu_);
  return std::max(absl::ZeroDuration(), clock_->Now() - started_at_);
}

bool HeldTask::Stop(StopCause reason) {
  {
    absl::MutexLock lock(&mu_);
    if (StoppedLocked()) return false;
    stop_cause_ = reason;
  }
  absl::MutexLock lock(&callback_mu_);
  if (callback_ != nullptr) std::exchange(callback_, nullptr)();
  return true;
}

bool HeldTask::Settle() {
  absl::MutexLock lock(&mu_);
  return !std::exchange(settled_, true);
}

v1::TaskResult HeldTask::MakeResult(absl::StatusOr<std::string> returned) {
  absl::MutexLock lock(&mu_);
  v1::TaskResult result = MakeRelease();
  if (std::optional<TaskOutput> rest = NewOutputLocked(std::numeric_limits<size_t>::max())) {
    *result.mutable_output() = ToProto(*std::move(rest));
  }
  // The handler has ended, and thousands of results may have to wait until they can be sent.
  written_.reset();
  // Work that was done counts even if nobody wanted it any more, but not if it came too late.
  if (returned.ok() && stop_cause_ != StopCause::kTimedOut) {
    result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
    result.set_result(*std::move(returned));
    return result;
  }
  if (stop_cause_ == StopCause::kDraining) return result;
  const absl::Status status = returned.status();
  result.set_result(status.ok() ? *std::move(returned) : std::move(output_));
  v1::TaskError& error = *result.mutable_error();
  error.set_code(static_cast<int>(status.code()));
  error.set_message(std::string(status.message()));
  if (stop_cause_ == StopCause::kTimedOut) {
    result.set_outcome(v1::RESULT_OUTCOME_TIMED_OUT);
    error.set_code(static_cast<int>(absl::StatusCode::kDeadlineExceeded));
    error.set_message(absl::StrCat("the attempt took longer than the task's timeout of ",
                                   absl::FormatDuration(FromProto(task_.timeout()))));
  } else if (stop_cause_ == StopCause::kCancelled) {
    result.set_outcome(v1::RESULT_OUTCOME_CANCELLED);
  } else {
    result.set_outcome(v1::RESULT_OUTCOME_FAILED);
    result.set_non_retryable(IsNonRetryable(status));
  }
  return result;
}

v1::TaskResult HeldTask::MakeRelease() const {
  v1::TaskResult result;
  result.set_task_id(task_.task_id());
  result.set_lease_id(task_.lease_id());
  result.set_outcome(v1::RESULT_OUTCOME_RELEASED);
  return result;
}

std::optional<v1::Progress> HeldTask::progress() const {
  absl::MutexLock lock(&mu_);
  return progress_;
}

StopCause HeldTask::stop_cause() const {
  absl::MutexLock lock(&mu_);
  return stop_cause_;
}

void HeldTask::OnStop(std::function<void()> callback) {
  {
    absl::MutexLock lock(&callback_mu_);
    callback_ = callback;
    // Stop sets the reason before it looks for a callback: one of the two sees the other.
    if (callback_ == nullptr || !stopped()) return;
    callback_ = nullptr;
  }
  callback();
}

bool HeldTask::SleepFor(absl::Duration duration) {
  absl::MutexLock lock(&mu_);
  return !mu_.AwaitWithTimeout(absl::Condition(this, &HeldTask::StoppedLocked), duration);
}

absl::Duration HeldTask::time_left() const {
  absl::MutexLock lock(&mu_);
  return deadline_ - clock_->Now();
}

void HeldTask::SetProgress(double fraction, absl::string_view message) {
  absl::MutexLock lock(&mu_);
  progress_.emplace();
  progress_->set_fraction(fraction);
  progress_->set_message(Printable(message, 1024));
}

void HeldTask::AppendOutput(OutputStream stream, absl::string_view text) {
  absl::MutexLock lock(&mu_);
  if (!written_.has_value()) written_.emplace(kKeptOutput);
  written_->Append(stream, text);
}

void HeldTask::Follow(std::optional<OutputOffsets> offsets) {
  absl::MutexLock lock(&mu_);
  followed_from_ = offsets;
}

bool HeldTask::followed() const {
  absl::MutexLock lock(&mu_);
  return followed_from_.has_value();
}

std::optional<TaskOutput> HeldTask::NewOutput(size_t max_bytes) const {
  absl::MutexLock lock(&mu_);
  return NewOutputLocked(max_bytes);
}

std::optional<TaskOutput> HeldTask::NewOutputLocked(size_t max_bytes) const {
  if (!followed_from_.has_value()) return std::nullopt;
  TaskOutput output;
  if (written_.has_value()) {
    OutputOffsets from = *followed_from_;
    output.chunks = written_->Read(from, max_bytes);
    output.sizes = written_->ends();
  }
  return output;
}

void HeldTask::SetOutput(std::string output) {
  absl::MutexLock lock(&mu_);
  output_ = std::move(output);
}

void HeldTask::Log(absl::string_view message) {
  spdlog::info("{}: {}", Name(), Printable(message, 1024));
}

}  // namespace tarea
