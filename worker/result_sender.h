#ifndef TAREA_WORKER_RESULT_SENDER_H_
#define TAREA_WORKER_RESULT_SENDER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/connection.h"
#include "proto/tasks.pb.h"
#include "worker/held_tasks.h"

namespace tarea {

// What became of the attempts whose results the master has answered.
struct Totals {
  int64_t succeeded = 0;
  int64_t failed = 0;  // also those that took too long
  int64_t cancelled = 0;
  int64_t given_back = 0;
  int64_t dropped = 0;  // their lease was no longer current

  // "3 tasks succeeded, 1 failed, 0 given back", and what else there was.
  std::string ToString() const;
};

// Reports results to the master: one call at a time, with all that piled up during the one before,
// so that quick tasks share a commit. As long as more tasks wait here for a slot, results are
// gathered for up to kGather: a call and a commit cost about as much as running a small program.
// Repeats a call until the master has answered it. Thread-safe.
class ResultSender {
 public:
  // Too short for a person to notice, and long enough for several of the tasks that gain by it.
  static constexpr absl::Duration kGather = absl::Milliseconds(10);

  // `held` is told which results were recorded or dropped. Both must outlive it.
  ResultSender(const ConnectionOptions& masters, v1::WorkerInfo worker, HeldTasks* held);

  void Add(v1::TaskResult result) ABSL_LOCKS_EXCLUDED(mu_);

  Totals totals() const ABSL_LOCKS_EXCLUDED(mu_);

  // Sends until Stop; for a thread of its own.
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  // Ends Run at once. What was not sent is lost: its leases run out.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // As many results as fit one call; none when stopped.
  v1::SubmitResultRequest AwaitPending() ABSL_LOCKS_EXCLUDED(mu_);
  // Sends until the master has answered; an error is its refusal, or CANCELLED.
  absl::Status Send(const v1::SubmitResultRequest& request, v1::SubmitResultResponse& response);
  // True if there was some: it is worth less than the results.
  static bool DropOutput(v1::SubmitResultRequest& request);
  void SendRefused(v1::SubmitResultRequest request, const absl::Status& refusal);
  void Settle(const v1::SubmitResultRequest& request, const v1::SubmitResultResponse& response)
      ABSL_LOCKS_EXCLUDED(mu_);
  void Count(const v1::SubmitResultRequest& request, const v1::SubmitResultResponse& response)
      ABSL_LOCKS_EXCLUDED(mu_);

  const v1::WorkerInfo worker_;
  HeldTasks* const held_;
  Connection connection_;

  mutable absl::Mutex mu_;
  Totals totals_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::vector<v1::TaskResult> pending_ ABSL_GUARDED_BY(mu_);
  // One of them came when no task waited for a slot: somebody may wait for it.
  bool urgent_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tarea

#endif  // TAREA_WORKER_RESULT_SENDER_H_
