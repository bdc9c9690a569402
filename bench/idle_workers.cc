#include "bench/idle_workers.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/status_grpc.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {
namespace {

constexpr int kConnections = 20;
// The longest that a master lets them park by default.
constexpr absl::Duration kWait = absl::Seconds(60);

std::shared_ptr<grpc::Channel> Connect(const std::string& address) {
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
  return grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments);
}

}  // namespace

// One worker's call. Guarded by the mutex of `all`, except what the call itself uses.
class IdleWorkers::Poll {
 public:
  Poll(IdleWorkers& all, const std::shared_ptr<grpc::Channel>& channel, int number)
      : all_(all), stub_(v1::TaskService::NewStub(channel)) {
    request_.mutable_worker()->set_id(absl::StrCat("idle-", number));
    request_.add_queues("idle");
    request_.set_max_tasks(1);
    *request_.mutable_wait() = ToProto(kWait);
  }

  void Begin() ABSL_EXCLUSIVE_LOCKS_REQUIRED(all_.mu_) {
    context_.emplace();
    ++all_.running_;
    stub_->async()->RequestTask(&*context_, &request_, &response_,
                                [this](const grpc::Status& status) { End(status); });
  }

  void Cancel() ABSL_EXCLUSIVE_LOCKS_REQUIRED(all_.mu_) { context_->TryCancel(); }

 private:
  void End(const grpc::Status& status) ABSL_LOCKS_EXCLUDED(all_.mu_) {
    absl::MutexLock lock(&all_.mu_);
    --all_.running_;
    if (all_.stopping_) return;
    if (status.ok()) {
      Begin();
    } else {
      all_.status_.Update(FromGrpc(status));
    }
  }

  IdleWorkers& all_;
  const std::unique_ptr<v1::TaskService::Stub> stub_;
  v1::RequestTaskRequest request_;
  v1::RequestTaskResponse response_;
  std::optional<grpc::ClientContext> context_;
};

IdleWorkers::IdleWorkers(const std::string& address, int count) {
  std::vector<std::shared_ptr<grpc::Channel>> channels;
  for (int i = 0; i < std::min(count, kConnections); ++i) channels.push_back(Connect(address));
  absl::MutexLock lock(&mu_);
  for (int i = 0; i < count; ++i) {
    const std::shared_ptr<grpc::Channel>& channel =
        channels[static_cast<size_t>(i) % channels.size()];
    polls_.push_back(std::make_unique<Poll>(*this, channel, i));
    polls_.back()->Begin();
  }
}

IdleWorkers::~IdleWorkers() {
  const auto ended = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return running_ == 0; };
  absl::MutexLock lock(&mu_);
  stopping_ = true;
  for (const std::unique_ptr<Poll>& poll : polls_) poll->Cancel();
  mu_.Await(absl::Condition(&ended));
}

absl::Status IdleWorkers::status() {
  absl::MutexLock lock(&mu_);
  return status_;
}

}  // namespace tarea
