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
  while (held_->AwaitHeld()) {
    const absl::Duration third = held_->lease() / 3;
    v1::HeartbeatRequest request;
    *request.mutable_worker() = worker_;
    for (v1::HeldTask& task : held_->Report()) *request.add_held() = std::move(task);
    *request.mutable_wait() = ToProto(third);
    v1::HeartbeatResponse response;
    // A call that leads nowhere leaves time for another one before the leases run out.
    absl::Status status = connection_.Attempt(std::max(2 * third, kLeastTimeout),
                                              [&](Stub& stub, grpc::ClientContext& context) {
                                                return stub.Heartbeat(&context, request, &response);
                                              });
    if (status.ok()) {
      outage.Over();
      held_->SetLease(FromProto(response.lease()));
      for (const v1::StopTask& stop : response.stop()) Apply(stop);
      continue;
    }
    if (absl::IsCancelled(status)) return;
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
