#ifndef TAREA_WORKER_PREFETCH_H_
#define TAREA_WORKER_PREFETCH_H_

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tarea {

// How many tasks a worker fetches beyond those it can work on at once, so that its slots do not
// stand idle during a round trip to the master: as many as it works off in kAhead, by what the last
// tasks took. For tasks that take long that is none, since a task that waits here could run
// elsewhere; for tasks of microseconds it is hundreds.
//
// What comes after a pause may be of another kind than what came before, so it begins small and
// doubles with each full answer, like the slow start of TCP. Thread-safe.
class Prefetch {
 public:
  // Many round trips with a synced commit each, so that a call brings many tasks and its cost is
  // shared.
  static constexpr absl::Duration kAhead = absl::Milliseconds(50);

  // `slots` tasks run at once; at most `most` are fetched ahead.
  Prefetch(int slots, int most) : slots_(slots), most_(most), limit_(slots) {}

  // The master was asked for `wanted` tasks and gave `got`.
  void Fetched(int wanted, int got) ABSL_LOCKS_EXCLUDED(mu_);

  // A task took this long.
  void Record(absl::Duration took) ABSL_LOCKS_EXCLUDED(mu_);

  // Tasks that were fetched ahead have waited for this long: forget what was measured before.
  void Stalled(absl::Duration waited) ABSL_LOCKS_EXCLUDED(mu_);

  // How many to have waiting. None before the first task has ended.
  int Wanted() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const int slots_;
  const int most_;
  mutable absl::Mutex mu_;
  absl::Duration average_ ABSL_GUARDED_BY(mu_) = absl::InfiniteDuration();
  int limit_ ABSL_GUARDED_BY(mu_);  // of the slow start
};

}  // namespace tarea

#endif  // TAREA_WORKER_PREFETCH_H_
