#include "master/call_deadlines.h"

#include <grpcpp/server_context.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <string>

#include "absl/strings/match.h"

namespace tarea {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::ServerRpcInfo;

// How often it looks, at most; calls end that much late.
constexpr absl::Duration kLongestTick = absl::Seconds(1);

}  // namespace

// One call, from when its first bytes are there to its end.
class CallDeadlines::Call : public grpc::experimental::Interceptor {
 public:
  Call(CallDeadlines* owner, ServerRpcInfo* info)
      : owner_(owner),
        context_(static_cast<grpc::ServerContext*>(info->server_context())),
        method_(info->method()),
        streams_(info->type() == ServerRpcInfo::Type::SERVER_STREAMING),
        talks_(info->type() == ServerRpcInfo::Type::BIDI_STREAMING),
        began_(owner->clock_->Now()) {
    absl::MutexLock lock(&owner_->mu_);
    owner_->calls_.insert(this);
    if (talks_) ++owner_->talks_;
  }

  ~Call() override {
    absl::MutexLock lock(&owner_->mu_);
    owner_->calls_.erase(this);
    if (talks_) --owner_->talks_;
  }

  void Intercept(grpc::experimental::InterceptorBatchMethods* batch) override {
    // Called with mu_ held, by EndOverdue; there is nothing to go on with.
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_CANCEL)) return;
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_MESSAGE) ||
        batch->QueryInterceptionHookPoint(InterceptionHookPoints::PRE_SEND_STATUS)) {
      SetSending(owner_->clock_->Now());
    }
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_SEND_MESSAGE)) {
      SetSending(absl::InfiniteFuture());
    }
    // Before its handler is called, which then has nothing to read.
    if (talks_ &&
        batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA) &&
        IsOneTalkTooMany()) {
      context_->TryCancel();
    }
    // gRPC's call is there until this hook, and maybe not after it.
    if (batch->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_CLOSE)) Forget();
    batch->Proceed();
  }

  // Why it has to end; null if it may go on.
  const char* Overdue(const Limits& limits, absl::Time now) const {
    if (now - sending_ > limits.unread) return "its caller does not take the answer";
    if (!streams_ && now - began_ > (talks_ ? limits.talk : limits.whole)) {
      return "it takes longer than any call should";
    }
    return nullptr;
  }

  void End(const char* why) {
    spdlog::warn("ended a call of {} by {}: {}", method_, context_->peer(), why);
    context_->TryCancel();
  }

 private:
  void SetSending(absl::Time since) {
    absl::MutexLock lock(&owner_->mu_);
    sending_ = since;
  }

  bool IsOneTalkTooMany() const {
    absl::MutexLock lock(&owner_->mu_);
    if (owner_->talks_ <= owner_->limits_.talks) return false;
    // A line for each would be one for each frame of somebody who means no good.
    if (began_ - owner_->told_at_ >= kLongestTick) {
      owner_->told_at_ = began_;
      spdlog::warn("ended a call of {} by {}: there are more than {} at a time", method_,
                   context_->peer(), owner_->limits_.talks);
    }
    return true;
  }

  void Forget() {
    absl::MutexLock lock(&owner_->mu_);
    owner_->calls_.erase(this);
  }

  CallDeadlines* const owner_;
  grpc::ServerContext* const context_;
  const std::string method_;
  const bool streams_;
  const bool talks_;
  const absl::Time began_;
  // Since when a message waits for the caller; InfiniteFuture: none does. Guarded by owner_->mu_.
  absl::Time sending_ = absl::InfiniteFuture();
};

class CallDeadlines::Factory : public grpc::experimental::ServerInterceptorFactoryInterface {
 public:
  explicit Factory(CallDeadlines* owner) : owner_(owner) {}

  grpc::experimental::Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    // gRPC's health service parks no thread, and its calls have contexts of another kind.
    if (absl::StartsWith(info->method(), "/grpc.health.v1.")) return nullptr;
    return new Call(owner_, info);
  }

 private:
  CallDeadlines* const owner_;
};

CallDeadlines::CallDeadlines(const Limits& limits, Clock* clock)
    : limits_(limits), clock_(clock), thread_([this] { Run(); }) {}

CallDeadlines::~CallDeadlines() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
  }
  thread_.join();
}

std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>
CallDeadlines::MakeInterceptors() {
  return std::make_unique<Factory>(this);
}

void CallDeadlines::Run() {
  const absl::Duration tick = std::min(limits_.unread / 4, kLongestTick);
  absl::MutexLock lock(&mu_);
  while (!mu_.AwaitWithTimeout(absl::Condition(&stop_), tick)) EndOverdue();
}

void CallDeadlines::EndOverdue() {
  const absl::Time now = clock_->Now();
  for (auto call = calls_.begin(); call != calls_.end();) {
    if (const char* why = (*call)->Overdue(limits_, now)) {
      (*call)->End(why);
      calls_.erase(call++);
    } else {
      ++call;
    }
  }
}

}  // namespace tarea
