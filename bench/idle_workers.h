#ifndef TAREA_BENCH_IDLE_WORKERS_H_
#define TAREA_BENCH_IDLE_WORKERS_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace tarea {

// Workers that wait for tasks of a queue that has none: each has an id of its own and one parked
// call, which is made again when it ends. They share a few connections and, unlike real workers,
// threads. Thread-safe.
class IdleWorkers {
 public:
  // Makes the calls and returns at once.
  IdleWorkers(const std::string& address, int count);
  // Ends all calls and waits for it.
  ~IdleWorkers();
  IdleWorkers(const IdleWorkers&) = delete;
  IdleWorkers& operator=(const IdleWorkers&) = delete;

  // The first error that a call ended with.
  absl::Status status() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Poll;

  std::vector<std::unique_ptr<Poll>> polls_;

  absl::Mutex mu_;
  bool stopping_ ABSL_GUARDED_BY(mu_) = false;
  int running_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_BENCH_IDLE_WORKERS_H_
