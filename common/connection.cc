#include "common/connection.h"

#include <grpc/support/time.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"
#include "common/status_grpc.h"

namespace tarea {
namespace {

constexpr absl::Duration kFirstPause = absl::Milliseconds(100);
constexpr absl::Duration kLastPause = absl::Seconds(2);
// How soon a pause notices that it is interrupted.
constexpr absl::Duration kPauseSlice = absl::Milliseconds(20);
// A task may have 4 MiB of payload and 4 MiB of result by default, and a poll many tasks; leaves
// room for masters with higher limits.
constexpr int kMaxReceiveBytes = 64 << 20;

grpc::ChannelArguments Arguments(bool tls) {
  grpc::ChannelArguments arguments;
  // gRPC asks the proxy of http_proxy for a way even to this machine, which would then see tokens.
  if (!tls) arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // gRPC would wait up to two minutes before it looks for a master that restarts.
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 1000);
  // Despite its name the time that one attempt at connecting is given.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 2000);
  // Finds out about a master whose machine or network went away without a word.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  arguments.SetMaxReceiveMessageSize(kMaxReceiveBytes);
  return arguments;
}

gpr_timespec Deadline(absl::Duration timeout) {
  const int64_t millis = std::max<int64_t>(1, absl::ToInt64Milliseconds(timeout));
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(millis, GPR_TIMESPAN));
}

}  // namespace

std::string ShortReason(absl::string_view message) {
  // "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:1: Failed to connect
  // to remote host: Connection refused"
  if (const size_t colon = message.rfind(": ");
      absl::StartsWith(message, "failed to connect to all addresses") &&
      colon != absl::string_view::npos) {
    message.remove_prefix(colon + 2);
  }
  return Printable(message, 1024);
}

absl::Duration LongestPause(int retry) {
  return std::min(kFirstPause * (1 << std::clamp(retry - 1, 0, 10)), kLastPause);
}

Connection::Connection(const ConnectionOptions& options)
    : call_timeout_(options.call_timeout),
      retry_time_(options.retry_time),
      token_(options.credentials.token),
      own_clock_(options.clock == nullptr ? std::make_unique<MonotonicClock>() : nullptr),
      clock_(options.clock == nullptr ? *own_clock_ : *options.clock),
      addresses_(absl::StrJoin(options.masters, ", ")) {
  const bool tls = options.credentials.channel != nullptr;
  const std::shared_ptr<grpc::ChannelCredentials> credentials =
      tls ? options.credentials.channel : grpc::InsecureChannelCredentials();
  for (const std::string& address : options.masters) {
    const std::shared_ptr<grpc::Channel> channel =
        grpc::CreateCustomChannel(address, credentials, Arguments(tls));
    masters_.push_back({address, channel, v1::TaskService::NewStub(channel)});
  }
}

absl::Status Connection::Call(absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call) {
  Outage outage(*this);
  for (;;) {
    const absl::Status status = Attempt(std::min(call_timeout_, outage.Remaining()), call);
    if (status.ok()) return status;
    if (const absl::Status end = outage.WaitToRetry(status); !end.ok()) return end;
  }
}

absl::Status Connection::Attempt(
    absl::Duration timeout, absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call) {
  grpc::ClientContext context;
  context.set_deadline(Deadline(timeout));
  if (token_ != nullptr) context.AddMetadata("authorization", "Bearer " + token_->Token());
  size_t master = 0;
  {
    absl::MutexLock lock(&mu_);
    if (interrupted_) return absl::CancelledError("interrupted");
    running_.insert(&context);
    master = current_;
  }
  const absl::Status status = FromGrpc(call(*masters_[master].stub, context));
  absl::MutexLock lock(&mu_);
  running_.erase(&context);
  if (interrupted_ && !status.ok()) return absl::CancelledError("interrupted");
  // Unless another thread has moved on already.
  if (absl::IsUnavailable(status) && current_ == master) {
    current_ = (current_ + 1) % masters_.size();
  }
  // A server that shuts down cancels what runs; it did not decide anything about the request.
  if (absl::IsCancelled(status)) return absl::UnavailableError(status.message());
  return status;
}

void Connection::Interrupt() {
  absl::MutexLock lock(&mu_);
  interrupted_ = true;
  for (grpc::ClientContext* context : running_) context->TryCancel();
}

std::string Connection::current() {
  absl::MutexLock lock(&mu_);
  return masters_[current_].address;
}

void Connection::TryNextMaster() {
  absl::MutexLock lock(&mu_);
  current_ = (current_ + 1) % masters_.size();
}

absl::Duration Connection::DrawPause(int retry) {
  // The masters are asked once around before the first pause.
  if (static_cast<size_t>(retry) < masters_.size()) return absl::ZeroDuration();
  absl::MutexLock lock(&mu_);
  return LongestPause(retry) * absl::Uniform(random_, 0.0, 1.0);
}

// gRPC gets on with a connection while a thread waits in one of its functions, and otherwise looks
// at it every five seconds. If all callers slept elsewhere, a master that is back would be found
// late.
bool Connection::Pause(absl::Duration duration) {
  std::shared_ptr<grpc::Channel> channel;
  {
    absl::MutexLock lock(&mu_);
    channel = masters_[current_].channel;
  }
  bool connected = false;
  for (; duration > absl::ZeroDuration(); duration -= kPauseSlice) {
    const absl::Duration slice = std::min(duration, kPauseSlice);
    if (!connected) connected = channel->WaitForConnected(Deadline(slice));
    absl::MutexLock lock(&mu_);
    // The pause goes on once connected, or all callers would come at once.
    mu_.AwaitWithTimeout(absl::Condition(&interrupted_), connected ? slice : absl::ZeroDuration());
    if (interrupted_) return false;
  }
  absl::MutexLock lock(&mu_);
  return !interrupted_;
}

Outage::Outage(Connection& connection, Log log)
    : connection_(connection), log_(log), last_contact_(connection.clock_.Now()) {}

void Outage::Over() {
  had_contact_ = true;
  last_contact_ = connection_.clock_.Now();
  retries_ = 0;
}

absl::Duration Outage::Remaining() const {
  const absl::Duration passed = connection_.clock_.Now() - last_contact_;
  return std::max(connection_.retry_time_ - passed, absl::ZeroDuration());
}

absl::Status Outage::WaitToRetry(const absl::Status& status) {
  if (!IsTransient(status)) return status;
  const absl::Duration pause = std::min(connection_.DrawPause(++retries_), Remaining());
  if (retries_ == 1 || log_ == Log::kEach) Tell(status, pause);
  // Silent, but connected: only the caller knows that this was no natural end of a stream.
  if (absl::IsDeadlineExceeded(status)) connection_.TryNextMaster();
  if (!connection_.Pause(pause)) return absl::CancelledError("interrupted");
  return Remaining() > absl::ZeroDuration() ? absl::OkStatus() : Explain(status);
}

void Outage::Tell(const absl::Status& status, absl::Duration pause) const {
  const std::string reason = ShortReason(status.message());
  // Whoever has been connected for an hour should see it, and so should whoever tries for an hour;
  // whoever tries once gets an answer soon.
  const bool matters = had_contact_ || log_ == Log::kEach;
  spdlog::log(matters ? spdlog::level::warn : spdlog::level::info,
              "{} the master at {}: {}; trying again in {}",
              had_contact_ && retries_ == 1 ? "lost" : "cannot reach", connection_.addresses_,
              reason, absl::FormatDuration(absl::Trunc(pause, absl::Milliseconds(1))));
}

absl::Status Outage::Explain(const absl::Status& status) const {
  const std::string tried = absl::FormatDuration(connection_.retry_time_);
  if (absl::IsUnavailable(status)) {
    return absl::UnavailableError(
        absl::StrCat("cannot reach the master at ", connection_.addresses_, ": ",
                     ShortReason(status.message()), " (tried for ", tried, ")"));
  }
  if (absl::IsDeadlineExceeded(status)) {
    return absl::DeadlineExceededError(
        absl::StrCat("the master at ", connection_.addresses_, " did not answer within ", tried));
  }
  return status;
}

}  // namespace tarea
