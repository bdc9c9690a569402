#include "worker/poller.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "common/convert.h"
#include "common/logging.h"
#include "common/status_grpc.h"

namespace tarea {
namespace {

// How long a poll parks at the master: long enough to cost nothing, short enough to notice a
// connection that leads nowhere.
constexpr absl::Duration kWait = absl::Seconds(20);
constexpr absl::Duration kGrace = absl::Seconds(10);
// What the end of a worker waits for an answer of the master.
constexpr absl::Duration kStopTimeout = absl::Seconds(2);

}  // namespace

Poller::Poller(const ConnectionOptions& masters, v1::RequestTaskRequest request, HeldTasks* held)
    : request_(std::move(request)), held_(held), polls_(masters), control_(masters) {}

bool Poller::stopping() {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

absl::Status Poller::Run() {
  Outage outage(polls_, Outage::Log::kEach);
  absl::Status status;
  bool connected = false;
  while (true) {
    const int room = held_->AwaitRoom();
    if (room == 0 || stopping()) break;
    request_.set_max_tasks(room);
    // The first call does not park, so that the log soon says whether there is a master.
    *request_.mutable_wait() = ToProto(connected ? kWait : absl::ZeroDuration());
    v1::RequestTaskResponse response;
    spdlog::debug("requesting up to {} tasks", room);
    status = polls_.Attempt(kWait + kGrace, [&](Stub& stub, grpc::ClientContext& context) {
      return stub.RequestTask(&context, request_, &response);
    });
    if (status.ok()) {
      if (!std::exchange(connected, true)) {
        spdlog::info("connected to the master at {}", polls_.addresses());
      }
      outage.Over();
      held_->SetLease(FromProto(response.lease()));
      if (response.tasks_size() > 0) LogAnswer(response);
      held_->Add(room, std::move(response));
      continue;
    }
    if (stopping()) break;
    connected = false;
    // Too many workers now need not be too many later.
    if (absl::IsResourceExhausted(status)) status = absl::UnavailableError(status.message());
    status = outage.WaitToRetry(status);
    if (!status.ok()) break;
  }
  if (stopping()) status = absl::OkStatus();
  absl::MutexLock lock(&mu_);
  ended_ = true;
  return status;
}

void Poller::LogAnswer(const v1::RequestTaskResponse& response) const {
  if (response.tasks_size() == 1) {
    const v1::LeasedTask& task = response.tasks(0);
    spdlog::info("requested {}, received task {} ({}, attempt {} of {})", request_.max_tasks(),
                 task.task_id(), Printable(task.type()), task.attempt(), task.max_attempts());
    return;
  }
  const auto [first, last] =
      std::minmax_element(response.tasks().begin(), response.tasks().end(),
                          [](const auto& a, const auto& b) { return a.task_id() < b.task_id(); });
  spdlog::info("requested {}, received {} tasks ({}..{})", request_.max_tasks(),
               response.tasks_size(), first->task_id(), last->task_id());
}

void Poller::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopping_ = true;
    if (ended_) return;
  }
  // With all slots busy it waits for room, not for the master.
  held_->StopFetching();
  v1::HeartbeatRequest draining;
  *draining.mutable_worker() = request_.worker();
  draining.set_draining(true);
  const absl::Status told =
      control_.Attempt(kStopTimeout, [&](Stub& stub, grpc::ClientContext& context) {
        v1::HeartbeatResponse response;
        return stub.Heartbeat(&context, draining, &response);
      });
  absl::MutexLock lock(&mu_);
  if (!told.ok() || !mu_.AwaitWithTimeout(absl::Condition(&ended_), kStopTimeout)) {
    polls_.Interrupt();
    mu_.Await(absl::Condition(&ended_));
  }
}

}  // namespace tarea
