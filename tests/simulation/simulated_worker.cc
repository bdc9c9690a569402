#include "tests/simulation/simulated_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

constexpr absl::Duration kPollWait = absl::Seconds(5);
constexpr absl::Duration kGrace = absl::Seconds(2);

HistoryItem ItemOf(const LeasedTask& task) {
  HistoryItem item;
  item.task = task.task_id;
  item.lease = task.lease_id;
  item.attempt = task.attempt;
  item.max_attempts = task.max_attempts;
  if (!absl::SimpleAtoi(task.payload, &item.payload)) item.payload = ~uint64_t{0};
  return item;
}

HistoryItem ItemOf(const TaskResult& result) {
  HistoryItem item;
  item.task = result.task_id;
  item.lease = result.lease_id;
  item.outcome = result.outcome;
  if (result.outcome == ResultOutcome::kSucceeded &&
      !absl::SimpleAtoi(result.result, &item.result)) {
    item.result = ~uint64_t{0};
  }
  return item;
}

}  // namespace

void SimulatedWorker::OnStart() {
  const RunPtr run = std::make_shared<Run>();
  run->identity.id = id();
  run->identity.name = name();
  run->identity.slots = slots_;
  run_ = run;
  Spawn([this, run] { Poll(run); });
  Spawn([this, run] { Heartbeats(run); });
  Spawn([this, run] { SendResults(run); });
}

void SimulatedWorker::Restart() {
  Spawn([this, run = run_] { Drain(run); });
}

void SimulatedWorker::Poll(const RunPtr& run) {
  while (!run->draining) {
    const int running = static_cast<int>(run->held.size());
    if (running >= slots_) {
      absl::MutexLock lock(&run->mu);
      scheduler().Wait(run->changed, run->mu, absl::InfiniteDuration());
      if (scheduler().self_killed()) throw Killed();
      continue;
    }
    ClaimRequest request;
    request.worker = run->identity.id;
    request.queues =
        scheduler().OneIn(3) ? std::vector<std::string>{"a"} : std::vector<std::string>{"a", "b"};
    request.max_tasks = slots_ - running;
    HistoryEvent event = Invoke(HistoryEvent::Op::kClaim);
    const absl::StatusOr<std::vector<LeasedTask>> tasks =
        world().network().Call<std::vector<LeasedTask>>(
            link(), kPollWait + kGrace,
            [identity = run->identity, request](Dispatcher& dispatcher,
                                                const std::function<bool()>& gone) {
              return dispatcher.Request(identity, request, kPollWait, gone);
            },
            Network::Repeat::kNever);
    if (tasks.ok()) {
      for (const LeasedTask& task : *tasks) event.items.push_back(ItemOf(task));
      world().Count("claimed", static_cast<int64_t>(tasks->size()));
    }
    Answered(event, tasks.status());
    if (tasks.ok()) {
      TakeTasks(run, *tasks);
    } else {
      Sleep(scheduler().Between(absl::Milliseconds(5), absl::Milliseconds(300)));
    }
  }
}

void SimulatedWorker::TakeTasks(const RunPtr& run, const std::vector<LeasedTask>& tasks) {
  for (const LeasedTask& task : tasks) {
    const auto held = std::make_shared<Held>();
    held->task = task;
    run->held[task.lease_id] = held;
    Spawn([this, run, held] { Work(run, held); });
  }
}

// False if it is to stop before its time.
bool SimulatedWorker::WaitForEnd(const RunPtr& run, const Held& held, absl::Duration duration) {
  const absl::Time end = scheduler().Now() + duration;
  absl::MutexLock lock(&run->mu);
  while (scheduler().Now() < end && !held.told_to_stop && !run->draining) {
    scheduler().Wait(run->changed, run->mu, end - scheduler().Now());
    if (scheduler().self_killed()) throw Killed();
  }
  return scheduler().Now() >= end;
}

void SimulatedWorker::Work(const RunPtr& run, const std::shared_ptr<Held>& held) {
  HistoryEvent event = Invoke(HistoryEvent::Op::kRun, {ItemOf(held->task)});
  const absl::Duration longest =
      scheduler().OneIn(10) ? 4 * world().lease() : absl::Milliseconds(300);
  const bool finished =
      WaitForEnd(run, *held, scheduler().Between(absl::Microseconds(100), longest));
  TaskResult result = ResultOf(*held);
  if (!finished) {
    // Some do not look whether they are to stop.
    const bool obeys = !scheduler().OneIn(4);
    if (obeys) {
      result.outcome = held->told_to_stop ? ResultOutcome::kCancelled : ResultOutcome::kReleased;
    }
  }
  event.items[0].outcome = result.outcome;
  Answered(event, absl::OkStatus());
  held->over = true;
  if (held->lost && !scheduler().OneIn(3)) {
    run->held.erase(held->task.lease_id);  // its result would be stale
  } else {
    run->results.push_back(std::move(result));
  }
  absl::MutexLock lock(&run->mu);
  scheduler().WakeAll(run->changed);
}

TaskResult SimulatedWorker::ResultOf(const Held& held) {
  TaskResult result;
  result.task_id = held.task.task_id;
  result.lease_id = held.task.lease_id;
  if (scheduler().OneIn(5)) {
    result.outcome = scheduler().OneIn(4) ? ResultOutcome::kTimedOut : ResultOutcome::kFailed;
    result.error = {2, "broken"};
    result.non_retryable = scheduler().OneIn(10);
  } else {
    result.result = absl::StrCat(held.task.lease_id);
  }
  return result;
}

void SimulatedWorker::SendResults(const RunPtr& run) {
  while (!run->draining || !run->held.empty()) {
    if (run->results.empty()) {
      absl::MutexLock lock(&run->mu);
      scheduler().Wait(run->changed, run->mu, absl::InfiniteDuration());
      if (scheduler().self_killed()) throw Killed();
      continue;
    }
    const std::vector<TaskResult> results = std::exchange(run->results, {});
    std::vector<HistoryItem> items;
    for (const TaskResult& result : results) items.push_back(ItemOf(result));
    absl::Status status;
    do {  // until there is an answer
      HistoryEvent event = Invoke(HistoryEvent::Op::kResult, items);
      const absl::StatusOr<std::vector<ResultStatus>> statuses =
          world().network().Call<std::vector<ResultStatus>>(
              link(), kGrace,
              [identity = run->identity, results](Dispatcher& dispatcher,
                                                  const std::function<bool()>& /*gone*/) {
                return dispatcher.Complete(identity, results);
              });
      status = statuses.status();
      for (size_t i = 0; status.ok() && i < results.size(); ++i) {
        event.items[i].status = (*statuses)[i];
        if ((*statuses)[i] == ResultStatus::kStale) world().Count("stale result");
      }
      Answered(event, status);
      if (!status.ok()) {
        Sleep(scheduler().Between(absl::Milliseconds(5), absl::Milliseconds(300)));
      }
    } while (!status.ok());
    for (const TaskResult& result : results) run->held.erase(result.lease_id);
    absl::MutexLock lock(&run->mu);
    scheduler().WakeAll(run->changed);
  }
}

void SimulatedWorker::Heartbeats(const RunPtr& run) {
  while (!run->draining || !run->held.empty()) {
    Sleep(world().lease() / 10);
    std::vector<HeldLease> leases;
    for (const auto& [lease, held] : run->held) {
      leases.push_back({{held->task.task_id, lease}, std::nullopt, held->told_to_stop});
    }
    if (leases.empty()) continue;
    const absl::Duration wait = world().lease() / 3;
    const absl::StatusOr<std::vector<Stop>> stops = world().network().Call<std::vector<Stop>>(
        link(), wait + kGrace,
        [identity = run->identity, leases, wait](Dispatcher& dispatcher,
                                                 const std::function<bool()>& gone) {
          return dispatcher.Heartbeat(identity, leases, wait, gone);
        });
    if (!stops.ok()) continue;
    absl::MutexLock lock(&run->mu);
    for (const Stop& stop : *stops) {
      const auto it = run->held.find(stop.lease_id);
      if (it == run->held.end() || it->second->over) continue;
      it->second->told_to_stop = true;
      it->second->lost = stop.reason == StopReason::kLost;
      world().Count(it->second->lost ? "told of a lost lease" : "told of a cancel");
    }
    scheduler().WakeAll(run->changed);
  }
}

void SimulatedWorker::Drain(const RunPtr& run) {
  world().Count("worker drained");
  const auto tell = [&](bool goodbye) {
    return world()
        .network()
        .Call<bool>(link(), kGrace,
                    [identity = run->identity, goodbye](
                        Dispatcher& dispatcher,
                        const std::function<bool()>& /*gone*/) -> absl::StatusOr<bool> {
                      if (goodbye) {
                        dispatcher.Goodbye(identity).IgnoreError();
                        return true;
                      }
                      const absl::Status status = dispatcher.Drain(identity);
                      if (!status.ok()) return status;
                      return true;
                    })
        .status()
        .ok();
  };
  run->draining = true;
  tell(false);
  {
    absl::MutexLock lock(&run->mu);
    scheduler().WakeAll(run->changed);
    // A poll that was under way may still bring tasks; those are lost, as with a worker that dies.
    const absl::Time end = scheduler().Now() + absl::Seconds(10);
    while (!run->held.empty() && scheduler().Now() < end) {
      scheduler().Wait(run->changed, run->mu, end - scheduler().Now());
      if (scheduler().self_killed()) throw Killed();
    }
  }
  tell(true);
  Kill();
  scheduler().Spawn(SimulatedMaster::kOutside, absl::ZeroDuration(), [this] { Start(); });
}

}  // namespace tarea
