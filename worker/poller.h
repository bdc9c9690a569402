#ifndef TAREA_WORKER_POLLER_H_
#define TAREA_WORKER_POLLER_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/connection.h"
#include "proto/tasks.pb.h"
#include "worker/fair_share.h"
#include "worker/held_tasks.h"

namespace tarea {

// Fetches tasks: one RequestTask at a time, for as many as there is room for. Thread-safe.
class Poller {
 public:
  // `request` says who asks and for what; `held` gets the tasks and must outlive it. With `weights`
  // its queues are asked for tasks in these proportions, else by priority and time.
  Poller(const ConnectionOptions& masters, v1::RequestTaskRequest request,
         const std::vector<QueueWeight>& weights, HeldTasks* held);

  // Polls until Stop, or until the master refuses for good: then that error. For a thread of its
  // own.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);

  // No more calls. One that is parked is ended by telling the master that the worker drains, not by
  // cancelling it: an answer that is on its way with tasks must not be lost. Returns when Run has
  // ended; within seconds also if the master does not answer.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

  // The master that answered last; empty while none does.
  std::string connected_to() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void SetConnected(const std::string& master) ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status Poll(int room, absl::Duration wait, v1::RequestTaskResponse& response);
  bool stopping() ABSL_LOCKS_EXCLUDED(mu_);
  void LogAnswer(const v1::RequestTaskResponse& response) const;

  v1::RequestTaskRequest request_;
  FairShare fair_share_;
  HeldTasks* const held_;
  Connection polls_;
  Connection control_;

  mutable absl::Mutex mu_;
  std::string connected_to_ ABSL_GUARDED_BY(mu_);
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tarea

#endif  // TAREA_WORKER_POLLER_H_
