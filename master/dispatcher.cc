#include "master/dispatcher.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/logging.h"

namespace tarea {
namespace {

// How many tasks one transaction of a timer, a purge or a cancelled batch touches: small enough
// that the calls between two of them do not notice.
constexpr int64_t kBite = 1000;
constexpr absl::Duration kTick = absl::Seconds(1);
// Times that are due closer together than this are served together: a transaction for each of
// thousands of tasks that back off would keep all others waiting.
constexpr absl::Duration kTimerPause = absl::Milliseconds(5);
constexpr absl::Duration kPurgeInterval = absl::Minutes(1);
// A caller that has gone while its call is parked is noticed after this long at the latest.
constexpr absl::Duration kGoneCheck = absl::Seconds(5);
// How long a heartbeat parks while somebody follows a task of its worker: the next one brings what
// was written meanwhile.
constexpr absl::Duration kFollowedWait = absl::Milliseconds(100);

}  // namespace

Dispatcher::Dispatcher(Store* store, Clock* clock, const DispatcherOptions& options,
                       std::function<void(const absl::Status&)> on_broken)
    : store_(store),
      clock_(clock),
      options_(options),
      commits_(
          store, clock, [this](const Effects& effects) { OnCommit(effects); },
          std::move(on_broken)),
      polls_(clock, options.max_workers),
      workers_(clock, options.max_workers, std::max(3 * options.lease, absl::Seconds(10))),
      watchers_(clock, options.max_watchers),
      followers_(clock, options.max_followers, options.max_followed_output) {}

Dispatcher::~Dispatcher() { Shutdown(); }

absl::Status Dispatcher::Start() {
  const absl::Status status = Begin();
  if (status.ok()) timers_ = std::thread([this] { RunTimers(); });
  return status;
}

absl::Status Dispatcher::Begin() {
  return commits_.Run(Sync::kNow, [this](Store::Transaction& transaction) {
    last_tick_ = clock_->Now();
    return transaction.ExtendLeases(last_tick_ + options_.lease);
  });
}

void Dispatcher::Shutdown() {
  {
    absl::MutexLock lock(&mu_);
    shutdown_ = true;
    clock_->WakeAll(timer_wake_);
  }
  polls_.Shutdown();
  workers_.Shutdown();
  watchers_.Shutdown();
  followers_.Shutdown();
  if (timers_.joinable()) timers_.join();
}

bool Dispatcher::shutting_down() {
  absl::MutexLock lock(&mu_);
  return shutdown_;
}

void Dispatcher::OnCommit(const Effects& effects) {
  polls_.WakeFor(effects.ready);
  workers_.Notify(effects.stops);
  watchers_.Changed(effects.batches);
  followers_.Changed(effects.batches);
  absl::MutexLock lock(&mu_);
  if (effects.next_due < next_due_) {
    next_due_ = effects.next_due;
    clock_->WakeAll(timer_wake_);
  }
}

// --- Calls that write
// ----------------------------------------------------------------------------------

absl::StatusOr<InsertAnswer> Dispatcher::Submit(const InsertRequest& request) {
  absl::StatusOr<InsertAnswer> answer = InsertAnswer();
  const absl::Status status = commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
    answer = transaction.Insert(clock_->Now(), request);
    return answer.status();
  });
  if (!status.ok()) return status;
  return answer;
}

absl::Status Dispatcher::CheckOwner(const WorkerIdentity& worker) {
  absl::Status status = workers_.Touch(worker, clock_->Now());
  // Results are taken even from one worker too many: its work is done.
  return absl::IsPermissionDenied(status) ? status : absl::OkStatus();
}

absl::StatusOr<std::vector<ResultStatus>> Dispatcher::Complete(
    const WorkerIdentity& worker, absl::Span<const TaskResult> results) {
  if (absl::Status status = CheckOwner(worker); !status.ok()) return status;
  absl::StatusOr<std::vector<ResultStatus>> statuses = std::vector<ResultStatus>();
  const absl::Status status = commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
    statuses = transaction.Complete(clock_->Now(), results);
    return statuses.status();
  });
  if (!status.ok()) return status;
  workers_.AddHeld(worker.id, -static_cast<int>(results.size()));
  return statuses;
}

absl::StatusOr<CancelAnswer> Dispatcher::Cancel(Selection selection, const std::string& reason) {
  selection.limit = kBite;
  CancelAnswer total;
  do {
    absl::StatusOr<CancelAnswer> bite = CancelAnswer();
    const absl::Status status = commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
      bite = transaction.Cancel(clock_->Now(), selection, reason);
      return bite.status();
    });
    if (!status.ok()) return status;
    total.cancelled += bite->cancelled;
    total.stopping += bite->stopping;
    total.finished += bite->finished;
    selection.after = bite->next;
  } while (selection.after != 0);
  return total;
}

absl::StatusOr<RetryAnswer> Dispatcher::Retry(Selection selection) {
  selection.limit = kBite;
  RetryAnswer total;
  do {
    absl::StatusOr<RetryAnswer> bite = RetryAnswer();
    const absl::Status status = commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
      bite = transaction.Retry(clock_->Now(), selection);
      return bite.status();
    });
    if (!status.ok()) return status;
    total.retried += bite->retried;
    total.skipped += bite->skipped;
    selection.after = bite->next;
  } while (selection.after != 0);
  return total;
}

absl::Status Dispatcher::SetPaused(const std::string& queue, bool paused) {
  return commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
    return transaction.SetPaused(queue, paused);
  });
}

// --- Calls that park
// -------------------------------------------------------------------------------------

absl::StatusOr<std::vector<LeasedTask>> Dispatcher::Request(const WorkerIdentity& worker,
                                                            const ClaimRequest& request,
                                                            absl::Duration wait, Gone gone) {
  const absl::Time begin = clock_->Now();
  if (const absl::Status status = workers_.Touch(worker, begin); !status.ok()) return status;
  workers_.SetInterests(worker.id, request.queues, request.types);
  absl::StatusOr<std::unique_ptr<ParkedPolls::Poll>> poll = polls_.Park(request);
  if (!poll.ok()) return poll.status();
  // After Park, so that either this sees the flag or Drain sees the poll.
  if (workers_.IsDraining(worker.id)) return std::vector<LeasedTask>();

  absl::Duration left = std::min(wait, options_.max_wait);
  while (true) {
    // A task must not be leased to somebody who is not there.
    if (gone()) return absl::CancelledError("the worker has gone");
    absl::StatusOr<std::vector<LeasedTask>> tasks = std::vector<LeasedTask>();
    ClaimRequest claim = request;
    claim.max_tasks = (*poll)->share();
    const absl::Status status = commits_.Run(Sync::kLater, [&](Store::Transaction& transaction) {
      tasks = transaction.Claim(clock_->Now(), options_.lease, claim);
      return tasks.status();
    });
    if (!status.ok()) return status;
    (*poll)->Claimed(*tasks);
    if (!tasks->empty()) {
      if (!gone()) {
        workers_.AddHeld(worker.id, static_cast<int>(tasks->size()));
        // A heartbeat that parks already does not know these tasks.
        if (followers_.Claimed(worker.id, *tasks)) workers_.Poke(worker.id);
        return tasks;
      }
      GiveBack(*tasks);
      return absl::CancelledError("the worker has gone");
    }
    ParkedPolls::Wake wake = ParkedPolls::Wake::kTimeout;
    while (wake == ParkedPolls::Wake::kTimeout && left > absl::ZeroDuration() && !gone()) {
      const absl::Duration slice = std::min(left, kGoneCheck);
      wake = (*poll)->Wait(slice);
      workers_.Saw(worker.id, clock_->Now());
      left = std::min(wait, options_.max_wait) - (clock_->Now() - begin);
    }
    if (wake == ParkedPolls::Wake::kShutdown) {
      return absl::UnavailableError("the master is shutting down");
    }
    if (wake != ParkedPolls::Wake::kReady) return std::vector<LeasedTask>();
  }
}

void Dispatcher::GiveBack(const std::vector<LeasedTask>& tasks) {
  std::vector<TaskResult> results;
  for (const LeasedTask& task : tasks) {
    TaskResult& result = results.emplace_back();
    result.task_id = task.task_id;
    result.lease_id = task.lease_id;
    result.outcome = ResultOutcome::kReleased;
  }
  const absl::Status status = commits_.Run(Sync::kLater, [&](Store::Transaction& transaction) {
    return transaction.Complete(clock_->Now(), results).status();
  });
  // If it could not be stored they come back when their leases run out.
  if (!status.ok()) {
    spdlog::warn("cannot give back {}: {}", CountOf(static_cast<int64_t>(tasks.size()), "task"),
                 status.ToString());
  }
}

absl::StatusOr<std::vector<Stop>> Dispatcher::Heartbeat(const WorkerIdentity& worker,
                                                        const std::vector<HeldLease>& held,
                                                        absl::Duration wait, Gone gone) {
  if (const absl::Status status = workers_.Touch(worker, clock_->Now()); !status.ok()) {
    return status;
  }
  workers_.SetHeld(worker.id, held);
  followers_.Heard(held);
  // What the worker is about to stop already is not told again, or its heartbeats would never park
  // until it is done.
  absl::flat_hash_set<LeaseId> stopping;
  for (const HeldLease& task : held) {
    if (task.stopping) stopping.insert(task.lease.lease_id);
  }
  const auto is_known = [&stopping](const Stop& stop) { return stopping.contains(stop.lease_id); };
  absl::StatusOr<std::vector<Stop>> stops = std::vector<Stop>();
  if (!held.empty()) {
    std::vector<Lease> leases;
    leases.reserve(held.size());
    for (const HeldLease& task : held) leases.push_back(task.lease);
    const absl::Status status = commits_.Run(Sync::kLater, [&](Store::Transaction& transaction) {
      stops = transaction.Renew(clock_->Now(), options_.lease, leases);
      return stops.status();
    });
    if (!status.ok()) return status;
    std::erase_if(*stops, is_known);
  }
  if (!stops->empty() || gone()) return stops;
  wait = std::min(wait, options_.lease / 3);
  switch (followers_.ParkingOf(worker.id, held)) {
    case TaskFollowers::Parking::kLong:
      break;
    case TaskFollowers::Parking::kShort:
      wait = std::min(wait, kFollowedWait);
      break;
    case TaskFollowers::Parking::kNone:
      return stops;
  }
  stops = workers_.AwaitNotices(worker.id, wait);
  std::erase_if(*stops, is_known);
  workers_.Saw(worker.id, clock_->Now());
  return stops;
}

absl::Status Dispatcher::Drain(const WorkerIdentity& worker) {
  if (const absl::Status status = workers_.Touch(worker, clock_->Now()); !status.ok()) {
    return status;
  }
  workers_.SetDraining(worker.id);
  polls_.End(worker.id);
  return absl::OkStatus();
}

absl::Status Dispatcher::Goodbye(const WorkerIdentity& worker) { return workers_.Leave(worker); }

absl::StatusOr<std::unique_ptr<BatchWatchers::Watch>> Dispatcher::Watch(BatchId batch) {
  return watchers_.Add(batch);
}

absl::StatusOr<std::unique_ptr<TaskFollowers::Follower>> Dispatcher::Follow(const TaskCore& task,
                                                                            LeaseId lease,
                                                                            OutputOffsets offsets) {
  return followers_.Add(task.id, task.batch_id, lease, offsets);
}

void Dispatcher::SawFollowed(const TaskCore& task) {
  if (followers_.Saw(task)) workers_.Poke(task.worker);
}

std::optional<TaskProgress> Dispatcher::ProgressOf(const TaskCore& task) {
  if (task.state != TaskState::kRunning) return std::nullopt;
  return workers_.ProgressOf(task.worker, task.id);
}

// --- Timers
// --------------------------------------------------------------------------------------------

void Dispatcher::RunTimers() {
  absl::Time last_purge = absl::InfinitePast();
  while (AwaitDue()) {
    const absl::Time now = clock_->Now();
    if (StoodStill(now)) {
      absl::MutexLock lock(&mu_);
      next_due_ = std::min(next_due_, now);  // Advance has something to do
    } else {
      last_tick_ = now;
    }
    Advance();
    workers_.ForgetIdle(now);
    if (now - last_purge >= kPurgeInterval || options_.retain < kPurgeInterval) {
      Purge();
      last_purge = now;
    }
  }
}

bool Dispatcher::StoodStill(absl::Time now) const {
  return now - last_tick_ > std::max(options_.lease / 2, 2 * kTick);
}

bool Dispatcher::AwaitDue() {
  absl::MutexLock lock(&mu_);
  // What is due at no time, but because a parent has finished, is due at once.
  const absl::Time due = next_due_ == absl::InfinitePast()
                             ? next_due_
                             : std::max(next_due_, last_advance_ + kTimerPause);
  // At least a tick must pass for time that is not ours to be told from time that is.
  const absl::Duration until_due = due - clock_->Now();
  if (!shutdown_ && until_due > absl::ZeroDuration()) {
    clock_->Wait(timer_wake_, mu_, std::min(until_due, kTick));
  }
  return !shutdown_;
}

void Dispatcher::Advance() {
  {
    absl::MutexLock lock(&mu_);
    if (next_due_ > clock_->Now()) return;
    next_due_ = absl::InfiniteFuture();  // what commits from here on bring lowers it again
    last_advance_ = clock_->Now();
  }
  absl::StatusOr<AdvanceAnswer> answer = AdvanceAnswer();
  absl::Time now;
  do {
    const absl::Status status = commits_.Run(Sync::kNow, [&](Store::Transaction& transaction) {
      now = clock_->Now();
      // Asked with the very time by which leases end: it may be long since the timers woke.
      if (StoodStill(now)) {
        const absl::Status extended = transaction.ExtendLeases(now + options_.lease);
        if (!extended.ok()) return extended;
      }
      answer = transaction.Advance(now, kBite);
      if (!answer.ok()) return answer.status();
      // A worker that is frozen may still have a poll here; it must not get the tasks back that it
      // has just lost. One that is well polls anew.
      for (const std::string& worker : answer->lost_workers) polls_.End(worker);
      return absl::OkStatus();
    });
    if (!status.ok()) {
      spdlog::error("timers: {}", status.ToString());
      absl::MutexLock lock(&mu_);
      next_due_ = clock_->Now() + kTick;
      return;
    }
    if (StoodStill(now)) {
      spdlog::warn("the master stood still for {}; every lease was given a full term",
                   absl::FormatDuration(now - last_tick_));
    }
    last_tick_ = now;
    if (answer->expired_leases > 0) {
      spdlog::warn("{} ran out: the tasks go back", CountOf(answer->expired_leases, "lease"));
    }
    if (answer->expired_tasks > 0) {
      spdlog::info("{} cancelled: not started in time", CountOf(answer->expired_tasks, "task"));
    }
  } while (answer->more && !shutting_down());

  const absl::StatusOr<absl::Time> due = store_->NextDue();
  absl::MutexLock lock(&mu_);
  next_due_ = std::min(next_due_, due.ok() ? *due : clock_->Now() + kTick);
}

void Dispatcher::Purge() {
  int64_t total = 0;
  absl::StatusOr<int64_t> gone = 0;
  do {
    const absl::Status status = commits_.Run(Sync::kLater, [&](Store::Transaction& transaction) {
      const absl::Time now = clock_->Now();
      gone = transaction.Purge(now, now - options_.retain, kBite);
      return gone.status();
    });
    if (!status.ok()) {
      spdlog::error("retention: {}", status.ToString());
      return;
    }
    total += *gone;
  } while (*gone >= kBite && !shutting_down());
  if (total > 0) spdlog::info("retention: {} finished tasks, batches and request ids went", total);
}

}  // namespace tarea
