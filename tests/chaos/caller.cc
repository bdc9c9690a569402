#include "tests/chaos/caller.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/time/clock.h"

namespace tarea {

HistoryEvent::Phase Caller::Judge(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return HistoryEvent::Phase::kOk;
    case absl::StatusCode::kResourceExhausted:
      if (absl::StrContains(status.message(), "is full: ")) journal().Count("disk-full refusals");
      return HistoryEvent::Phase::kRefused;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
      return HistoryEvent::Phase::kRefused;
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kCancelled:
      return HistoryEvent::Phase::kUnknown;
    default:
      journal().Broken("a call of " + scribe_.process() +
                       " ended with an error that no call has: " + status.ToString());
      return HistoryEvent::Phase::kUnknown;
  }
}

absl::Status Caller::Call(absl::Duration timeout,
                          absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call) {
  return connection_.Attempt(timeout, [&](Stub& stub, grpc::ClientContext& context) {
    context.set_wait_for_ready(true);
    return call(stub, context);
  });
}

void Caller::Pause(absl::Duration duration) const {
  const absl::Time end = absl::Now() + duration;
  for (absl::Duration left = duration; left > absl::ZeroDuration() && !stopped_;
       left = end - absl::Now()) {
    absl::SleepFor(std::min(left, absl::Milliseconds(50)));
  }
}

}  // namespace tarea
