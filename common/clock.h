#ifndef TAREA_COMMON_CLOCK_H_
#define TAREA_COMMON_CLOCK_H_

#include <chrono>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tarea {

// Where time comes from, and how it is waited for. Code below `main` never reads a system clock
// itself, so that tests can move time by hand; and what is in the dispatcher waits for nothing but
// through this, so that a simulation can run it on one thread. Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Never goes back. Whole microseconds, because that is what stores keep.
  virtual absl::Time Now() = 0;

  // Waits, without `mu`, until WakeAll(condition) or until `timeout` is over; answers whether it
  // is. May also return for no reason, as condition variables do.
  virtual bool Wait(absl::CondVar& condition, absl::Mutex& mu, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) {
    return condition.WaitWithTimeout(&mu, timeout);
  }

  // Ends every Wait for it.
  virtual void WakeAll(absl::CondVar& condition) { condition.SignalAll(); }
};

// The wall clock at the moment of construction, moved on by the machine's monotonic clock. Setting
// the wall clock while the process runs neither ends a lease early nor keeps one alive.
//
// `not_before` is a time that has been used already, for instance the last one in a store: if the
// wall clock is behind it, the clock begins there, so that time never runs backwards across a
// restart.
class MonotonicClock : public Clock {
 public:
  explicit MonotonicClock(absl::Time not_before = absl::InfinitePast());

  absl::Time Now() override;

 private:
  const absl::Time start_;
  const std::chrono::steady_clock::time_point steady_start_;
};

// The wall clock as it is: what others have dated is to be compared with that, a certificate for
// instance. It jumps when somebody sets it; all else takes a Clock.
absl::Time CalendarTime();

// A clock that moves only when told to. For tests.
class ManualClock : public Clock {
 public:
  explicit ManualClock(absl::Time start) : now_(start) {}

  absl::Time Now() override {
    absl::MutexLock lock(&mu_);
    return now_;
  }

  // `by` must not be negative.
  void Advance(absl::Duration by) {
    absl::MutexLock lock(&mu_);
    now_ += by;
  }

 private:
  absl::Mutex mu_;
  absl::Time now_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_COMMON_CLOCK_H_
