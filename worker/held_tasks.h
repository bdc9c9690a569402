#ifndef TAREA_WORKER_HELD_TASKS_H_
#define TAREA_WORKER_HELD_TASKS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "proto/tasks.pb.h"
#include "worker/held_task.h"
#include "worker/prefetch.h"

namespace tarea {

// When a worker is to end by itself.
struct WorkLimits {
  // After so many tasks were processed; it never holds more than are left. 0: no limit.
  int64_t max_tasks = 0;
  // After it has held nothing for so long.
  absl::Duration idle_exit = absl::InfiniteDuration();
};

// All that a worker holds. A task comes in with Add, waits until a slot takes it (Next), runs until
// the slot says so (Ran), and is held until its result is recorded (Forget): the lease is renewed
// so long. Thread-safe.
class HeldTasks {
 public:
  // How long a task may wait for a slot before it is given back. Long enough for kAhead to have
  // been wrong twenty times over.
  static constexpr absl::Duration kPatience = absl::Seconds(1);

  using Tasks = std::vector<std::shared_ptr<HeldTask>>;

  // `clock` and `prefetch` must outlive it.
  HeldTasks(int slots, Clock* clock, Prefetch* prefetch, WorkLimits limits = {});

  // --- For the poller
  // Waits until more tasks are wanted, and answers how many; 0 when no more are to be fetched, also
  // because max_tasks have been processed.
  int AwaitRoom() ABSL_LOCKS_EXCLUDED(mu_);
  void StopFetching() ABSL_LOCKS_EXCLUDED(mu_);
  // What the master answered when asked for `wanted` tasks.
  void Add(int wanted, v1::RequestTaskResponse response) ABSL_LOCKS_EXCLUDED(mu_);

  // --- For the slots
  // Waits for a task and starts it; null when closed.
  std::shared_ptr<HeldTask> Next() ABSL_LOCKS_EXCLUDED(mu_);
  // The handler returned; it took this long.
  void Ran(const HeldTask& task, absl::Duration took) ABSL_LOCKS_EXCLUDED(mu_);

  // --- For the sender of results
  // Whether tasks wait for a slot.
  bool AnyWaiting() const ABSL_LOCKS_EXCLUDED(mu_);
  void Forget(uint64_t lease_id) ABSL_LOCKS_EXCLUDED(mu_);

  // --- For the heartbeat
  // Waits until something is held; false when closed.
  bool AwaitHeld() ABSL_LOCKS_EXCLUDED(mu_);
  // Of followed tasks with what they have written, at most `max_output` bytes in all.
  std::vector<v1::HeldTask> Report(size_t max_output = 0) const ABSL_LOCKS_EXCLUDED(mu_);
  // What of `reported` is followed from now on, by the master's answer.
  void SetFollowed(const google::protobuf::RepeatedPtrField<v1::HeldTask>& reported,
                   const google::protobuf::RepeatedPtrField<v1::FollowTask>& followed)
      ABSL_LOCKS_EXCLUDED(mu_);
  // How long leases last, by what the master last said.
  absl::Duration lease() const ABSL_LOCKS_EXCLUDED(mu_);
  void SetLease(absl::Duration lease) ABSL_LOCKS_EXCLUDED(mu_);
  enum class Stopped {
    kNothing,   // its handler has ended: its result is on the way
    kRunning,   // its handler was told
    kUnstarted  // is not going to be started; up to the caller to report or drop
  };
  // The master wants a task stopped; `task` is set to it if it is held.
  Stopped Stop(uint64_t lease_id, StopCause cause, std::shared_ptr<HeldTask>& task)
      ABSL_LOCKS_EXCLUDED(mu_);

  // --- For the timer
  struct Overdue {
    Tasks timed_out;  // run longer than their timeout
    Tasks stale;      // wait for so long that they had better run elsewhere; no longer held waiting
    bool idle = false;  // idle_exit is over; answered once
  };
  // Waits until there are some; none when closed.
  Overdue AwaitOverdue() ABSL_LOCKS_EXCLUDED(mu_);

  // --- For people
  struct Snapshot {
    Tasks running;  // the one that was started first comes first
    int64_t waiting = 0;
    int64_t unsent = 0;  // their results have not been recorded
  };
  Snapshot Look() const ABSL_LOCKS_EXCLUDED(mu_);

  // --- For the end
  // Whether max_tasks have been processed.
  bool Exhausted() const ABSL_LOCKS_EXCLUDED(mu_);
  // Takes all that has not been started.
  Tasks TakeWaiting() ABSL_LOCKS_EXCLUDED(mu_);
  Tasks Running() const ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until at most `running` tasks run, or `timeout` is over, or Hurry is called; answers how
  // many run.
  int AwaitRunning(int running, absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  bool hurried() const ABSL_LOCKS_EXCLUDED(mu_);
  void Hurry() ABSL_LOCKS_EXCLUDED(mu_);
  // The same, however one hurries.
  bool AwaitStopped(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Waits until nothing is held; false if `timeout` is over before.
  bool AwaitNothingHeld(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);
  // Ends all waits, now and from now on.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  // How many tasks are wanted: none, or enough to be worth a call.
  int Room() const ABSL_SHARED_LOCKS_REQUIRED(mu_);
  bool ExhaustedLocked() const ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return limits_.max_tasks > 0 && processed_ >= limits_.max_tasks;
  }
  // Something is held from now on, or nothing any more.
  void NoteHeld() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // When AwaitOverdue has something to do; InfiniteFuture if nothing.
  absl::Time NextDue() const ABSL_SHARED_LOCKS_REQUIRED(mu_);

  const int slots_;
  Clock* const clock_;
  Prefetch* const prefetch_;
  const WorkLimits limits_;

  mutable absl::Mutex mu_;
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
  bool fetching_ ABSL_GUARDED_BY(mu_) = true;
  absl::Duration lease_ ABSL_GUARDED_BY(mu_) = absl::Seconds(30);
  absl::flat_hash_map<uint64_t, std::shared_ptr<HeldTask>> held_ ABSL_GUARDED_BY(mu_);  // by lease
  std::deque<std::shared_ptr<HeldTask>> waiting_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<uint64_t, std::shared_ptr<HeldTask>> running_ ABSL_GUARDED_BY(mu_);
  // When attempts time out, with their leases.
  std::set<std::pair<absl::Time, uint64_t>> deadlines_ ABSL_GUARDED_BY(mu_);
  // AwaitOverdue has to look again when to wake.
  bool due_changed_ ABSL_GUARDED_BY(mu_) = false;
  bool hurry_ ABSL_GUARDED_BY(mu_) = false;
  int64_t processed_ ABSL_GUARDED_BY(mu_) = 0;
  // Since when nothing is held, once somebody waits for it; InfiniteFuture while something is.
  absl::Time idle_since_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
  bool told_idle_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace tarea

#endif  // TAREA_WORKER_HELD_TASKS_H_
