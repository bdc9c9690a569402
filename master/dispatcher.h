#ifndef TAREA_MASTER_DISPATCHER_H_
#define TAREA_MASTER_DISPATCHER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/clock.h"
#include "master/batch_watchers.h"
#include "master/group_commit.h"
#include "master/parked_polls.h"
#include "master/store/store.h"
#include "master/task_followers.h"
#include "master/worker_registry.h"

namespace tarea {

struct DispatcherOptions {
  absl::Duration lease = absl::Seconds(30);     // of a task; at least 100 ms
  absl::Duration retain = absl::Hours(24 * 7);  // how long finished batches are kept
  absl::Duration max_wait = absl::Seconds(60);  // of a parked poll
  int max_workers = 1000;                       // known, and parked, at a time
  int max_watchers = 100;                       // WatchBatch streams at a time
  int max_followers = 100;                      // WatchTask streams at a time
  // Kept of each stream of each task that is followed, for those who read it slowly.
  int64_t max_followed_output = int64_t{256} << 10;
};

// Stands between the calls and the store: joins the writes of concurrent calls into transactions,
// parks calls that wait for something and wakes them when a transaction has brought it about, and
// lets time pass (leases, delays, retention). It decides nothing about a task; the store does.
//
// Thread-safe. Owns a thread, that of the timers, and waits for nothing but through its clock.
class Dispatcher {
 public:
  // Whether the caller of a call has gone away.
  using Gone = absl::FunctionRef<bool()>;

  // `store` and `clock` must outlive it. `on_broken` is called once, on any thread, when the store
  // can take no more writes: the process has to end.
  Dispatcher(Store* store, Clock* clock, const DispatcherOptions& options,
             std::function<void(const absl::Status&)> on_broken);
  ~Dispatcher();

  // Gives every lease of before the start a full term, then starts the timers. Call it once, before
  // any of the calls below.
  absl::Status Start();

  // The two steps of Start, for who has no thread to give: the second returns after Shutdown.
  absl::Status Begin();
  void RunTimers();

  // Wakes every parked call, which then answers UNAVAILABLE or what it has; stops the timers. Calls
  // that came before are finished.
  void Shutdown();

  // --- Calls that write: OK means committed. Errors as in Store::Transaction, and those of
  // GroupCommit::Run. ---
  absl::StatusOr<InsertAnswer> Submit(const InsertRequest& request);
  absl::StatusOr<std::vector<ResultStatus>> Complete(const WorkerIdentity& worker,
                                                     absl::Span<const TaskResult> results);
  absl::StatusOr<CancelAnswer> Cancel(Selection selection, const std::string& reason);
  absl::StatusOr<RetryAnswer> Retry(Selection selection);
  absl::Status SetPaused(const std::string& queue, bool paused);

  // --- Calls that park ---

  // Claims tasks; parks up to `wait` while there are none, then answers none. CANCELLED: the caller
  // has gone; what was claimed has been given back. RESOURCE_EXHAUSTED: too many workers.
  absl::StatusOr<std::vector<LeasedTask>> Request(const WorkerIdentity& worker,
                                                  const ClaimRequest& request, absl::Duration wait,
                                                  Gone gone);

  // Renews leases and takes output; parks up to `wait`, at most a third of the lease, until one
  // must stop that is not stopping yet, or the worker has to be told to send output (FollowOrders).
  absl::StatusOr<std::vector<Stop>> Heartbeat(const WorkerIdentity& worker,
                                              const std::vector<HeldLease>& held,
                                              absl::Duration wait, Gone gone);

  // The worker takes no more tasks: ends its parked Request, and answers none to later ones.
  // RESOURCE_EXHAUSTED: too many workers.
  absl::Status Drain(const WorkerIdentity& worker);

  // The worker leaves; what it holds it gives back with Complete.
  absl::Status Goodbye(const WorkerIdentity& worker);

  // For watching a batch: begin, read with store().ListFinished, wait, read on.
  absl::StatusOr<std::unique_ptr<BatchWatchers::Watch>> Watch(BatchId batch);

  // For following a task: begin, read it, tell SawFollowed, take output, wait, read on.
  // `lease` and `offsets` are those of TaskFollowers::Add.
  absl::StatusOr<std::unique_ptr<TaskFollowers::Follower>> Follow(const TaskCore& task,
                                                                  LeaseId lease,
                                                                  OutputOffsets offsets);
  // The task was read as it is here: its worker is told to send output if it was not.
  void SawFollowed(const TaskCore& task);
  // What an answer to a worker has to say about following.
  bool IsFollowed(TaskId task) { return followers_.IsFollowed(task); }
  std::vector<FollowOrder> FollowOrders(const std::string& worker) {
    return followers_.OrdersFor(worker);
  }
  // The end of the output of a followed task, which comes with its result.
  void TakeOutput(const Lease& lease, const TaskOutput& output) { followers_.Wrote(lease, output); }
  // PERMISSION_DENIED if the worker belongs to somebody else.
  absl::Status CheckOwner(const WorkerIdentity& worker);

  bool shutting_down() ABSL_LOCKS_EXCLUDED(mu_);

  // --- What is known in memory ---
  std::vector<WorkerStatus> Workers() { return workers_.List(clock_->Now()); }
  int worker_count() { return workers_.size(); }
  int parked_polls() { return polls_.size(); }
  std::optional<TaskProgress> ProgressOf(const TaskCore& task);

  // For calls that only read.
  Store& store() { return *store_; }
  Clock& clock() { return *clock_; }
  const DispatcherOptions& options() const { return options_; }

 private:
  void OnCommit(const Effects& effects);
  void GiveBack(const std::vector<LeasedTask>& tasks);

  // Waits until something is due, at most a tick; false: shut down.
  bool AwaitDue() ABSL_LOCKS_EXCLUDED(mu_);
  // Whether this process was not running for a while (stopped, or the machine slept). No worker
  // could renew a lease in that time: none may be ended for it.
  bool StoodStill(absl::Time now) const;
  void Advance();
  void Purge();

  Store* const store_;
  Clock* const clock_;
  const DispatcherOptions options_;
  GroupCommit commits_;
  ParkedPolls polls_;
  WorkerRegistry workers_;
  BatchWatchers watchers_;
  TaskFollowers followers_;
  // When this process is known to have been running. Of the timers' thread, and of the transactions
  // that it waits for.
  absl::Time last_tick_ = absl::InfinitePast();

  absl::Mutex mu_;
  bool shutdown_ ABSL_GUARDED_BY(mu_) = false;
  absl::Time next_due_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::Time last_advance_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  absl::CondVar timer_wake_;
  std::thread timers_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_DISPATCHER_H_
