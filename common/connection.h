#ifndef TAREA_COMMON_CONNECTION_H_
#define TAREA_COMMON_CONNECTION_H_

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>

#include <cstddef>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "proto/tasks.grpc.pb.h"

// How clients and workers talk to masters.
namespace tarea {

using Stub = v1::TaskService::StubInterface;

struct ConnectionOptions {
  // "host:port" each, at least one. A master that cannot be reached is followed by the next.
  std::vector<std::string> masters;
  // Longest time of one attempt at a call. More than zero.
  absl::Duration call_timeout = absl::Seconds(10);
  // How long a call is tried again while no master answers, counted from the last sign of life.
  // More than zero; InfiniteDuration never gives up.
  absl::Duration retry_time = absl::Seconds(30);
  Credentials credentials = {};  // by default no TLS and no identity
  // Decides when retry_time is over. Must outlive the connection; null: the machine's own.
  Clock* clock = nullptr;
};

// The longest pause before the n-th retry, n from 1: 100 ms, doubling up to 2 s. The pause itself
// is drawn evenly from zero to this (full jitter), so that many callers of a master that comes back
// do not all call at once.
absl::Duration LongestPause(int retry);

// What tells people something of gRPC's message for a failed call: "Connection refused".
std::string ShortReason(absl::string_view message);

// Several masters as one: calls go to the current one, and to the next after a failure. A master
// that restarts is found again within about a second. Thread-safe.
class Connection {
 public:
  explicit Connection(const ConnectionOptions& options);

  // Makes one call that is safe to repeat. One whose outcome is not known (IsTransient) is made
  // again, with growing pauses and by turns to each master, until retry_time is over; then it ends
  //   UNAVAILABLE        no master could be reached; the message names them and the last reason;
  //   DEADLINE_EXCEEDED  no master answered in time.
  // CANCELLED means that Interrupt was called. `call` must use the context it is given, which is a
  // fresh one each time.
  absl::Status Call(absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call);

  // Makes one attempt with this deadline; a failure is returned as it is.
  absl::Status Attempt(absl::Duration timeout,
                       absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call);

  Clock& clock() { return clock_; }

  // The masters, for messages.
  const std::string& addresses() const { return addresses_; }
  // The one that the next call goes to.
  std::string current() ABSL_LOCKS_EXCLUDED(mu_);

  // Makes this and later calls end CANCELLED.
  void Interrupt();

 private:
  friend class Outage;

  struct Master {
    std::string address;
    std::shared_ptr<grpc::Channel> channel;
    std::unique_ptr<Stub> stub;
  };

  void TryNextMaster();

  // How long to wait before the n-th retry.
  absl::Duration DrawPause(int retry);

  // False if interrupted.
  bool Pause(absl::Duration duration);

  const absl::Duration call_timeout_;
  const absl::Duration retry_time_;
  const std::shared_ptr<TokenSource> token_;  // may be null
  std::unique_ptr<Clock> own_clock_;
  Clock& clock_;
  std::vector<Master> masters_;
  std::string addresses_;

  absl::Mutex mu_;
  size_t current_ ABSL_GUARDED_BY(mu_) = 0;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mu_);
  absl::BitGen random_ ABSL_GUARDED_BY(mu_);
};

// Counts the time since the master was last heard of, for one call or one loop of calls. Not
// thread-safe.
class Outage {
 public:
  // How much of it goes to the log: the first failure only, or each time it waits.
  enum class Log { kFirst, kEach };

  // `connection` must outlive it.
  explicit Outage(Connection& connection, Log log = Log::kFirst);

  // The master answered.
  void Over();

  // How long it may still go on; not negative.
  absl::Duration Remaining() const;

  // To be called after an attempt that failed with `status`. OK means: try again now, the pause is
  // over. Otherwise the error to end with.
  absl::Status WaitToRetry(const absl::Status& status);

 private:
  void Tell(const absl::Status& status, absl::Duration pause) const;
  absl::Status Explain(const absl::Status& status) const;

  Connection& connection_;
  const Log log_;
  absl::Time last_contact_;
  bool had_contact_ = false;
  int retries_ = 0;
};

}  // namespace tarea

#endif  // TAREA_COMMON_CONNECTION_H_
