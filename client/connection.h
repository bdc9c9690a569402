#ifndef TAREA_CLIENT_CONNECTION_H_
#define TAREA_CLIENT_CONNECTION_H_

#include <grpcpp/client_context.h>

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/random/random.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "common/clock.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {

using Stub = v1::TaskService::StubInterface;

// The longest pause before the n-th retry, n from 1: 100 ms, doubling up to 2 s. The pause itself
// is drawn evenly from zero to this (full jitter), so that many clients of a master that comes back
// do not all call at once.
absl::Duration LongestPause(int retry);

// Several masters as one: calls go to the current one, and to the next after a failure. Internal to
// the client library. Thread-safe.
class Connection {
 public:
  // Copies what it needs from `options`.
  explicit Connection(const ClientOptions& options);

  // Makes one call that is safe to repeat, and repeats it as client.h describes. `call` must use
  // the context it is given, which is a fresh one each time.
  absl::Status Call(absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call);

  // Makes one attempt with this deadline; a failure is returned as it is.
  absl::Status Attempt(absl::Duration timeout,
                       absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> call);

  Clock& clock() { return clock_; }

  // Makes this and later calls end CANCELLED.
  void Interrupt();

 private:
  friend class Outage;

  struct Master {
    std::string address;
    std::unique_ptr<Stub> stub;
  };

  void TryNextMaster();

  // Waits before the n-th retry. False if interrupted.
  bool Pause(int retry, absl::Duration at_most);

  const absl::Duration call_timeout_;
  const absl::Duration retry_time_;
  std::unique_ptr<Clock> own_clock_;
  Clock& clock_;
  std::vector<Master> masters_;
  std::string addresses_;  // for messages

  absl::Mutex mu_;
  size_t current_ ABSL_GUARDED_BY(mu_) = 0;
  bool interrupted_ ABSL_GUARDED_BY(mu_) = false;
  std::set<grpc::ClientContext*> running_ ABSL_GUARDED_BY(mu_);
  absl::BitGen random_ ABSL_GUARDED_BY(mu_);
};

// Counts the time since the master was last heard of, for one call or one watch. Not thread-safe.
class Outage {
 public:
  // `connection` must outlive it.
  explicit Outage(Connection& connection);

  // The master answered.
  void Over();

  // How long it may still go on; not negative.
  absl::Duration Remaining() const;

  // To be called after an attempt that failed with `status`. OK means: try again now, the pause is
  // over. Otherwise the error to end with.
  absl::Status WaitToRetry(const absl::Status& status);

 private:
  absl::Status Explain(const absl::Status& status) const;

  Connection& connection_;
  absl::Time last_contact_;
  bool had_contact_ = false;
  int retries_ = 0;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_CONNECTION_H_
