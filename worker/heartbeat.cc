#include "worker/heartbeat.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr absl::Duration kGoodbyeTimeout = absl::Seconds(1);
// Of a call, however short the leases are.
constexpr absl::Duration kLeastTimeout = absl::Milliseconds(500);
// Of output in one call.
constexpr size_t kMaxOutput = size_t{1} << 20;
// While somebody follows a task each call brings what was written during the one before: so often
// that a person does not notice, and more often while much is written.
constexpr absl::Duration kFollowedWait = absl::Milliseconds(100);
constexpr absl::Duration kFlowingWait = absl::Milliseconds(20);

// How long a call may park that is answered within `longest` otherwise.
absl::Duration WaitOf(const v1::HeartbeatRequest& request, absl::Duration longest) {
  for (const v1::HeldTask& task : request.held()) {
    if (!task.has_output()) continue;
    longest = std::min(longest, kFollowedWait);
    if (!task.output().chunks().empty()) return std::min(longest, kFlowingWait);
  }
  return longest;
}

bool IsFollowing(const v1::HeartbeatRequest& request) {
  return std::any_of(request.held().begin(), request.held().end(),
                     [](const v1::HeldTask& task) { return task.has_output(); });
}

}  // namespace

Heartbeat::Heartbeat(const ConnectionOptions& masters, v1::WorkerInfo worker, HeldTasks* held,
                     ResultSender* sender)
    : worker_(std::move(worker)),
      held_(held),
      sender_(sender),
      connection_(masters),
      goodbye_(masters) {}

void Heartbeat::Run() {
  Outage outage(connection_);
  // After a call that failed, for whatever reason: output must never cost a lease.
  bool without_output = false;
  while (held_->AwaitHeld()) {
    const absl::Duration third = held_->lease() / 3;
    v1::HeartbeatRequest request;
    *request.mutable_worker() = worker_;
    const size_t max_output = std::exchange(without_output, false) ? 0 : kMaxOutput;
    for (v1::HeldTask& task : held_->Report(max_output)) *request.add_held() = std::move(task);
    *request.mutable_wait() = ToProto(WaitOf(request, third));
    v1::HeartbeatResponse response;
    // A call that leads nowhere leaves time for another one before the leases run out.
    absl::Status status = connection_.Attempt(std::max(2 * third, kLeastTimeout),
                                              [&](Stub& stub, grpc::ClientContext& context) {
                                                return stub.Heartbeat(&context, request, &response);
                                              });
    if (status.ok()) {
      outage.Over();
      held_->SetLease(FromProto(response.lease()));
      if (!response.follow().empty() || IsFollowing(request)) {
        held_->SetFollowed(request.held(), response.follow());
      }
      for (const v1::StopTask& stop : response.stop()) Apply(stop);
      continue;
    }
    if (absl::IsCancelled(status)) return;
    without_output = true;
    // Whatever is wrong, the tasks go on: a result is taken late too, if nobody else has the task.
    status = outage.WaitToRetry(absl::UnavailableError(status.message()));
    if (!status.ok()) return;
  }
}

void Heartbeat::Apply(const v1::StopTask& stop) {
  const bool lost = stop.reason() == v1::STOP_REASON_LOST;
  std::shared_ptr<HeldTask> task;
  const HeldTasks::Stopped stopped =
      held_->Stop(stop.lease_id(), lost ? StopCause::kLost : StopCause::kCancelled, task);
  if (stopped == HeldTasks::Stopped::kNothing) return;
  spdlog::info("{}: {}", task->Name(), lost ? "the lease is gone" : "is to be cancelled");
  if (stopped == HeldTasks::Stopped::kRunning) return;
  if (lost) {
    held_->Forget(stop.lease_id());
  } else {
    sender_->Add(task->MakeResult(absl::CancelledError("cancelled before it was started")));
  }
}

void Heartbeat::Goodbye() {
  v1::HeartbeatRequest request;
  *request.mutable_worker() = worker_;
  request.set_leaving(true);
  goodbye_
      .Attempt(kGoodbyeTimeout,
               [&](Stub& stub, grpc::ClientContext& context) {
                 v1::HeartbeatResponse response;
                 return stub.Heartbeat(&context, request, &response);
               })
      .IgnoreError();
}

}  // namespace tarea
