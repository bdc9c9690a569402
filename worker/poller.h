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
#include "worker/held_tasks.h"

namespace tarea {

// Fetches tasks: one RequestTask at a time, for as many as there is room for. Thread-safe.
class Poller {
 public:
  // `request` says who asks and for what; `held` gets the tasks and must outlive it.
  Poller(const ConnectionOptions& masters, v1::RequestTaskRequest request, HeldTasks* held);

  // Polls until Stop, or until the master refuses for good: then that error. For a thread of its
  // own.
  absl::Status Run() ABSL_LOCKS_EXCLUDED(mu_);

  // No more calls. One that is parked is ended by telling the master that the worker drains, not by
  // cancelling it: an answer that is on its way with tasks must not be lost. Returns when Run has
  // ended; within seconds also if the master does not answer.
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  bool stopping() ABSL_LOCKS_EXCLUDED(mu_);
  void LogAnswer(const v1::RequestTaskResponse& response) const;

  v1::RequestTaskRequest request_;
  HeldTasks* const held_;
  Connection polls_;
  Connection control_;

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  bool ended_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tarea

#endif  // TAREA_WORKER_POLLER_H_
