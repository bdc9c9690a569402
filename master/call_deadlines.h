#ifndef TAREA_MASTER_CALL_DEADLINES_H_
#define TAREA_MASTER_CALL_DEADLINES_H_

#include <grpcpp/support/server_interceptor.h>

#include <memory>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"

namespace tarea {

// Ends calls whose caller keeps a thread of the master for nothing. A caller may set a deadline,
// and need not; without one gRPC lets it open a stream and say nothing, or ask for a large answer
// and take a byte of it an hour.
//
// Thread-safe. Owns a thread.
class CallDeadlines {
 public:
  struct Limits {
    // For one message of the master to be taken by its caller, also on a stream. This is what ends
    // a slow reader: a stream may last as long as its batch does.
    absl::Duration unread;
    // From the first byte of a call to the last, except where the master sends a stream.
    absl::Duration whole;
    // The same for calls in which the caller sends a stream: only gRPC's reflection has one, which
    // waits on a thread for each next question.
    absl::Duration talk = absl::Seconds(5);
    // So many of these at a time.
    int talks = 16;
  };

  // `clock` must outlive it.
  CallDeadlines(const Limits& limits, Clock* clock);
  // All calls must have ended.
  ~CallDeadlines();

  // What a server has to be given to have its calls watched; this must outlive the server.
  std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface> MakeInterceptors();

 private:
  class Factory;
  class Call;

  void Run();
  void EndOverdue() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const Limits limits_;
  Clock* const clock_;

  absl::Mutex mu_;
  absl::flat_hash_set<Call*> calls_ ABSL_GUARDED_BY(mu_);
  int talks_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Time told_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();  // that there are too many
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_CALL_DEADLINES_H_
