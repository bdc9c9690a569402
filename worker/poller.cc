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

Poller::Poller(const ConnectionOptions& masters, v1::RequestTaskRequest request,
               const std::vector<QueueWeight>& weights, HeldTasks* held)
    : request_(std::move(request)),
      fair_share_(weights),
      held_(held),
      polls_(masters),
      control_(masters) {}

bool Poller::stopping() {
  absl::MutexLock lock(&mu_);
  return stopping_;
}

std::string Poller::connected_to() const {
  absl::MutexLock lock(&mu_);
  return connected_to_;
}

void Poller::SetConnected(const std::string& master) {
  {
    absl::MutexLock lock(&mu_);
    if (connected_to_ == master) return;
    connected_to_ = master;
  }
  if (!master.empty()) spdlog::info("connected to the master at {}", master);
}

absl::Status Poller::Poll(int room, absl::Duration wait, v1::RequestTaskResponse& response) {
  request_.set_max_tasks(room);
  request_.clear_shares();
  for (v1::QueueShare& share : fair_share_.Divide(room)) *request_.add_shares() = std::move(share);
  *request_.mutable_wait() = ToProto(wait);
  spdlog::debug("requesting up to {} tasks", room);
  return polls_.Attempt(kWait + kGrace, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.RequestTask(&context, request_, &response);
  });
}

absl::Status Poller::Run() {
  Outage outage(polls_, Outage::Log::kEach);
  absl::Status status;
  while (true) {
    const int room = held_->AwaitRoom();
    if (room == 0 || stopping()) break;
    // The first call does not park, so that the log soon says whether there is a master.
    const absl::Duration wait = connected_to().empty() ? absl::ZeroDuration() : kWait;
    const std::string master = polls_.current();
    v1::RequestTaskResponse response;
    status = Poll(room, wait, response);
    if (status.ok()) {
      SetConnected(master);
      outage.Over();
      held_->SetLease(FromProto(response.lease()));
      if (response.tasks_size() > 0) LogAnswer(response);
      fair_share_.Received(room, response);
      held_->Add(room, std::move(response));
      continue;
    }
    if (stopping()) break;
    SetConnected("");
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
