#include "master/dispatcher.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "master/store/memory_store.h"
#include "tests/dispatch/faulty_store.h"

namespace tarea {
namespace {

constexpr absl::Duration kLong = absl::Seconds(60);

WorkerIdentity Worker(const std::string& id) {
  WorkerIdentity worker;
  worker.id = id;
  worker.name = id;
  return worker;
}

bool Here() { return false; }

class DispatcherTest : public testing::Test {
 protected:
  void StartWith(DispatcherOptions options) {
    options.max_workers = 50;
    dispatcher_ = std::make_unique<Dispatcher>(&store_, &clock_, options,
                                               [](const absl::Status&) { FAIL(); });
    ASSERT_TRUE(dispatcher_->Start().ok());
  }
  void SetUp() override { StartWith({}); }

  InsertAnswer Submit(int count, TaskSpec spec = {}) {
    InsertRequest request;
    spec.type = "echo";
    request.tasks.assign(count, spec);
    const absl::StatusOr<InsertAnswer> answer = dispatcher_->Submit(request);
    EXPECT_TRUE(answer.ok()) << answer.status();
    return *answer;
  }

  absl::StatusOr<std::vector<LeasedTask>> Request(const std::string& worker, int max_tasks,
                                                  absl::Duration wait,
                                                  Dispatcher::Gone gone = Here) {
    ClaimRequest request;
    request.worker = worker;
    request.queues = {"default"};
    request.types = {"echo"};
    request.max_tasks = max_tasks;
    return dispatcher_->Request(Worker(worker), request, wait, gone);
  }

  ResultStatus Finish(const LeasedTask& task, ResultOutcome outcome = ResultOutcome::kSucceeded) {
    TaskResult result;
    result.task_id = task.task_id;
    result.lease_id = task.lease_id;
    result.outcome = outcome;
    if (outcome == ResultOutcome::kFailed) result.error = {2, "broken"};
    return dispatcher_->Complete(Worker("w"), {result})->at(0);
  }

  void AwaitParked(int count) {
    while (dispatcher_->parked_polls() < count) std::this_thread::yield();
  }

  // Of the only worker there is.
  void AwaitParkedHeartbeat() {
    while (dispatcher_->Workers().at(0).idle > absl::ZeroDuration()) std::this_thread::yield();
  }

  MonotonicClock clock_;
  MemoryStore store_;
  std::unique_ptr<Dispatcher> dispatcher_;
};

TEST_F(DispatcherTest, AParkedPollIsWokenBySubmittedWork) {
  std::thread worker([&] {
    const auto tasks = Request("w1", 1, kLong);
    ASSERT_TRUE(tasks.ok());
    EXPECT_EQ(tasks->size(), 1);
  });
  AwaitParked(1);
  Submit(1);
  worker.join();
}

TEST_F(DispatcherTest, ABatchOfAHundredGoesToAllFourIdleWorkers) {
  std::vector<std::thread> workers;
  std::atomic<int> total = 0;
  // A poll asks once before it looks for tasks, and again when there were none.
  std::array<std::atomic<int>, 4> asked = {};
  for (size_t i = 0; i < asked.size(); ++i) {
    workers.emplace_back([&, i] {
      const auto here = [&] {
        ++asked[i];
        return false;
      };
      const auto tasks = Request(absl::StrCat("w", i), 100, kLong, here);
      ASSERT_TRUE(tasks.ok());
      EXPECT_EQ(tasks->size(), 25);
      total += static_cast<int>(tasks->size());
    });
  }
  for (const std::atomic<int>& times : asked) {
    while (times < 2) std::this_thread::yield();
  }
  Submit(100);
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(total, 100);
}

TEST_F(DispatcherTest, APollWithoutWorkAnswersNoneWhenItsWaitIsOver) {
  const auto tasks = Request("w1", 1, absl::Milliseconds(20));
  ASSERT_TRUE(tasks.ok());
  EXPECT_TRUE(tasks->empty());
}

TEST(LongestWait, EndsAPollThatAskedForMore) {
  MonotonicClock clock;
  MemoryStore store;
  DispatcherOptions options;
  options.max_wait = absl::Milliseconds(20);
  Dispatcher dispatcher(&store, &clock, options, [](const absl::Status&) { FAIL(); });
  ASSERT_TRUE(dispatcher.Start().ok());
  ClaimRequest claim;
  claim.worker = "w1";
  claim.queues = {"default"};
  const absl::Time begin = clock.Now();
  EXPECT_TRUE(dispatcher.Request(Worker("w1"), claim, kLong, Here)->empty());
  EXPECT_LT(clock.Now() - begin, kLong / 2);
}

TEST_F(DispatcherTest, OneWorkerTooManyIsRefusedButItsResultsAreTaken) {
  Submit(1);
  const LeasedTask task = Request("w1", 1, kLong)->at(0);
  for (int i = 2; i <= 50; ++i) {
    const WorkerIdentity worker = Worker(absl::StrCat("w", i));
    ASSERT_TRUE(dispatcher_->Heartbeat(worker, {}, absl::ZeroDuration(), Here).ok());
  }
  const WorkerIdentity late = Worker("one too many");
  EXPECT_EQ(dispatcher_->Heartbeat(late, {}, absl::ZeroDuration(), Here).status().code(),
            absl::StatusCode::kResourceExhausted);
  TaskResult result;
  result.task_id = task.task_id;
  result.lease_id = task.lease_id;
  EXPECT_EQ(dispatcher_->Complete(late, {result})->at(0), ResultStatus::kRecorded);
}

TEST_F(DispatcherTest, ATaskIsNotLeasedToACallerThatHasGone) {
  Submit(1);
  EXPECT_EQ(Request("w1", 1, kLong, [] { return true; }).status().code(),
            absl::StatusCode::kCancelled);
  EXPECT_EQ(Request("w2", 1, absl::ZeroDuration())->size(), 1);
}

TEST_F(DispatcherTest, ACallerThatGoesWhileItsTasksAreClaimedGivesThemBackAtOnce) {
  Submit(3);
  int asked = 0;
  const auto gone_after_the_claim = [&asked] { return ++asked > 1; };
  EXPECT_EQ(Request("w1", 3, kLong, gone_after_the_claim).status().code(),
            absl::StatusCode::kCancelled);
  const auto tasks = Request("w2", 3, absl::ZeroDuration());
  ASSERT_EQ(tasks->size(), 3);
  EXPECT_EQ(tasks->at(0).attempt, 1) << "an attempt that never began does not count";
}

TEST_F(DispatcherTest, ACancelIsToldToTheWorkersParkedHeartbeat) {
  Submit(1);
  const LeasedTask task = Request("w1", 1, kLong)->at(0);
  HeldLease held;
  held.lease = {task.task_id, task.lease_id};
  std::thread heartbeat([&] {
    const auto stops = dispatcher_->Heartbeat(Worker("w1"), {held}, kLong, Here);
    ASSERT_TRUE(stops.ok());
    ASSERT_EQ(stops->size(), 1);
    EXPECT_EQ(stops->at(0).task_id, task.task_id);
    EXPECT_EQ(stops->at(0).reason, StopReason::kCancelled);
  });
  AwaitParkedHeartbeat();
  Selection selection;
  selection.ids = {task.task_id};
  EXPECT_EQ(dispatcher_->Cancel(selection, "enough")->stopping, 1);
  heartbeat.join();
  EXPECT_EQ(Finish(task, ResultOutcome::kCancelled), ResultStatus::kRecorded);
  EXPECT_EQ(store_.GetTask(task.task_id)->core.state, TaskState::kCancelled);
}

TEST_F(DispatcherTest, AHeartbeatThatNamesATaskAsStoppingParksAlthoughItIsToBeCancelled) {
  Submit(2);
  const std::vector<LeasedTask> tasks = *Request("w1", 2, kLong);
  std::vector<HeldLease> held;
  for (const LeasedTask& task : tasks) held.push_back({{task.task_id, task.lease_id}, {}, false});
  ASSERT_TRUE(dispatcher_->Cancel({{tasks[0].task_id}}, "").ok());
  EXPECT_EQ(dispatcher_->Heartbeat(Worker("w1"), held, absl::ZeroDuration(), Here)->size(), 1);
  held[0].stopping = true;
  std::thread parked([&] {
    std::vector<Stop> stops;
    while (stops.empty()) stops = *dispatcher_->Heartbeat(Worker("w1"), held, kLong, Here);
    ASSERT_EQ(stops.size(), 1);
    EXPECT_EQ(stops[0].lease_id, tasks[1].lease_id);
  });
  ASSERT_TRUE(dispatcher_->Cancel({{tasks[1].task_id}}, "").ok());
  parked.join();
}

TEST_F(DispatcherTest, AWorkerThatDrainsIsAnsweredAtOnceAndGetsNoMoreTasks) {
  std::thread worker([&] {
    const auto tasks = Request("w1", 1, kLong);
    ASSERT_TRUE(tasks.ok());
    EXPECT_TRUE(tasks->empty());
  });
  AwaitParked(1);
  ASSERT_TRUE(dispatcher_->Drain(Worker("w1")).ok());
  worker.join();
  Submit(1);
  EXPECT_TRUE(Request("w1", 1, kLong)->empty());
  EXPECT_TRUE(dispatcher_->Workers().at(0).draining);
  EXPECT_EQ(Request("w2", 1, kLong)->size(), 1);
}

TEST_F(DispatcherTest, AWorkerThatHasLeftIsNotListedAgainForACallThatWasUnderWay) {
  ASSERT_TRUE(dispatcher_->Heartbeat(Worker("w1"), {}, absl::ZeroDuration(), Here).ok());
  EXPECT_EQ(dispatcher_->worker_count(), 1);
  EXPECT_TRUE(dispatcher_->Goodbye(Worker("w1")).ok());
  ASSERT_TRUE(dispatcher_->Heartbeat(Worker("w1"), {}, absl::ZeroDuration(), Here).ok());
  EXPECT_EQ(dispatcher_->worker_count(), 0);
  EXPECT_TRUE(dispatcher_->Workers().empty());
}

TEST_F(DispatcherTest, AWorkerIsWhoseItWasFirst) {
  WorkerIdentity worker = Worker("w1");
  worker.owner = "farm";
  ASSERT_TRUE(dispatcher_->Heartbeat(worker, {}, absl::ZeroDuration(), Here).ok());
  worker.owner = "somebody else";
  EXPECT_TRUE(absl::IsPermissionDenied(
      dispatcher_->Heartbeat(worker, {}, absl::ZeroDuration(), Here).status()));
  EXPECT_TRUE(absl::IsPermissionDenied(dispatcher_->Drain(worker)));
  EXPECT_TRUE(absl::IsPermissionDenied(dispatcher_->Goodbye(worker)));
  EXPECT_TRUE(absl::IsPermissionDenied(dispatcher_->Complete(worker, {}).status()));
  EXPECT_FALSE(dispatcher_->Workers().at(0).draining);
  EXPECT_EQ(dispatcher_->Workers().at(0).identity.owner, "farm");
}

TEST_F(DispatcherTest, WhatAWorkerHoldsIsCountedBetweenItsHeartbeatsToo) {
  Submit(3);
  const std::vector<LeasedTask> tasks = *Request("w", 2, kLong);
  EXPECT_EQ(dispatcher_->Workers().at(0).held, 2);
  Finish(tasks[0]);
  EXPECT_EQ(dispatcher_->Workers().at(0).held, 1);
  std::vector<HeldLease> held = {{{tasks[1].task_id, tasks[1].lease_id}, {}, false}};
  ASSERT_TRUE(dispatcher_->Heartbeat(Worker("w"), held, absl::ZeroDuration(), Here).ok());
  EXPECT_EQ(dispatcher_->Workers().at(0).held, 1);
  Finish(tasks[1]);
  EXPECT_EQ(dispatcher_->Workers().at(0).held, 0);
}

TEST_F(DispatcherTest, AHeartbeatIsToldOfALeaseThatIsGone) {
  HeldLease held;
  held.lease = {4711, 1};
  const auto stops = dispatcher_->Heartbeat(Worker("w1"), {held}, kLong, Here);
  ASSERT_EQ(stops->size(), 1);
  EXPECT_EQ(stops->at(0).reason, StopReason::kLost);
}

// A handler may take its time to stop; until then heartbeats would follow each other without end.
TEST_F(DispatcherTest, AHeartbeatIsNotToldAgainOfALeaseThatIsGoneOnceItsTaskIsStopping) {
  HeldLease held;
  held.lease = {4711, 1};
  held.stopping = true;
  EXPECT_TRUE(dispatcher_->Heartbeat(Worker("w1"), {held}, absl::ZeroDuration(), Here)->empty());
}

TEST_F(DispatcherTest, ShutdownWakesParkedCalls) {
  std::thread poll(
      [&] { EXPECT_EQ(Request("w1", 1, kLong).status().code(), absl::StatusCode::kUnavailable); });
  AwaitParked(1);
  dispatcher_->Shutdown();
  poll.join();
}

TEST_F(DispatcherTest, ADelayedTaskIsHandedOutWhenItsTimeHasComeWithoutAnyOtherCall) {
  TaskSpec spec;
  spec.delay = absl::Milliseconds(50);
  Submit(1, spec);
  EXPECT_EQ(Request("w1", 1, kLong)->size(), 1);
}

TEST_F(DispatcherTest, ATaskWaitsForTheOneItDependsOn) {
  const InsertAnswer parent = Submit(1);
  TaskSpec spec;
  spec.depends_on = {parent.first_task_id};
  Submit(1, spec);
  const auto first = Request("w1", 10, kLong);
  ASSERT_EQ(first->size(), 1);
  Finish(first->at(0));
  const auto second = Request("w1", 10, kLong);
  ASSERT_EQ(second->size(), 1);
  EXPECT_EQ(second->at(0).task_id, parent.first_task_id + 1);
}

TEST_F(DispatcherTest, ResumingAQueueWakesThoseThatWait) {
  ASSERT_TRUE(dispatcher_->SetPaused("default", true).ok());
  Submit(1);
  EXPECT_TRUE(Request("w1", 1, absl::Milliseconds(10))->empty());
  std::thread poll([&] { EXPECT_EQ(Request("w1", 1, kLong)->size(), 1); });
  AwaitParked(1);
  ASSERT_TRUE(dispatcher_->SetPaused("default", false).ok());
  poll.join();
}

TEST_F(DispatcherTest, AWatcherIsWokenByAResult) {
  const InsertAnswer batch = Submit(1);
  const auto watch = dispatcher_->Watch(batch.batch_id);
  std::thread worker([&] { Finish(Request("w1", 1, kLong)->at(0)); });
  while (store_.ListFinished(batch.batch_id, 0, 10, false)->tasks.empty()) {
    EXPECT_TRUE((*watch)->AwaitChange(kLong));
  }
  worker.join();
}

TEST(Restart, GivesEveryLeaseAFullTermMore) {
  ManualClock clock(absl::FromUnixSeconds(1'000'000));
  MemoryStore store;
  LeasedTask task;
  const DispatcherOptions options;
  const auto on_broken = [](const absl::Status&) { FAIL(); };
  ClaimRequest claim;
  claim.worker = "w1";
  claim.queues = {"default"};
  {
    Dispatcher dispatcher(&store, &clock, options, on_broken);
    ASSERT_TRUE(dispatcher.Start().ok());
    InsertRequest request;
    request.tasks.resize(1);
    request.tasks[0].type = "echo";
    ASSERT_TRUE(dispatcher.Submit(request).ok());
    task = dispatcher.Request(Worker("w1"), claim, absl::ZeroDuration(), Here)->at(0);
  }
  clock.Advance(10 * options.lease);  // down for that long: nobody could renew
  Dispatcher dispatcher(&store, &clock, options, on_broken);
  ASSERT_TRUE(dispatcher.Start().ok());
  EXPECT_EQ(store.GetTask(task.task_id)->core.lease_until, clock.Now() + options.lease);
  TaskResult result;
  result.task_id = task.task_id;
  result.lease_id = task.lease_id;
  EXPECT_EQ(dispatcher.Complete(Worker("w1"), {result})->at(0), ResultStatus::kRecorded);
}

TEST(StandingStill, CostsNobodyALease) {
  ManualClock clock(absl::FromUnixSeconds(1'000'000));
  MemoryStore store;
  const DispatcherOptions options;
  Dispatcher dispatcher(&store, &clock, options, [](const absl::Status&) { FAIL(); });
  ASSERT_TRUE(dispatcher.Start().ok());
  InsertRequest request;
  request.tasks.resize(1);
  request.tasks[0].type = "echo";
  ASSERT_TRUE(dispatcher.Submit(request).ok());
  ClaimRequest claim;
  claim.worker = "w1";
  claim.queues = {"default"};
  const LeasedTask leased =
      dispatcher.Request(Worker("w1"), claim, absl::ZeroDuration(), Here)->at(0);
  const absl::Time until = store.GetTask(leased.task_id)->core.lease_until;
  clock.Advance(10 * options.lease);  // all that while the process was stopped
  while (store.GetTask(leased.task_id)->core.lease_until == until) std::this_thread::yield();
  const TaskCore task = store.GetTask(leased.task_id)->core;
  EXPECT_EQ(task.state, TaskState::kRunning);
  EXPECT_EQ(task.lease_until, clock.Now() + options.lease);
}

TEST(Acknowledgement, WaitsForTheDisk) {
  MonotonicClock clock;
  FaultyStore store(std::make_unique<MemoryStore>());
  Dispatcher dispatcher(&store, &clock, {}, [](const absl::Status&) { FAIL(); });
  ASSERT_TRUE(dispatcher.Start().ok());
  InsertRequest request;
  request.tasks.resize(2);
  for (TaskSpec& spec : request.tasks) spec.type = "echo";
  const TaskId first = dispatcher.Submit(request)->first_task_id;
  ClaimRequest claim;
  claim.worker = "w1";
  claim.queues = {"default"};
  const LeasedTask leased = dispatcher.Request(Worker("w1"), claim, kLong, Here)->at(0);
  TaskResult result;
  result.task_id = leased.task_id;
  result.lease_id = leased.lease_id;
  EXPECT_EQ(dispatcher.Complete(Worker("w1"), {result})->at(0), ResultStatus::kRecorded);
  EXPECT_EQ(dispatcher.Cancel({{first + 1}}, "")->cancelled, 1);
  EXPECT_EQ(dispatcher.Retry({{first + 1}})->retried, 1);
  EXPECT_EQ(store.unsynced_promises, 0);
}

class ShortLease : public DispatcherTest {
 protected:
  void SetUp() override {
    DispatcherOptions options;
    options.lease = absl::Milliseconds(200);
    StartWith(options);
  }
};

TEST_F(ShortLease, AnExpiredLeaseIsHandedOutAgainWithoutAnybodyRestarting) {
  Submit(1);
  const LeasedTask lost = Request("w1", 1, kLong)->at(0);
  const LeasedTask again = Request("w2", 1, kLong)->at(0);
  EXPECT_EQ(again.task_id, lost.task_id);
  EXPECT_EQ(again.attempt, 2);
  EXPECT_NE(again.lease_id, lost.lease_id);
  EXPECT_EQ(Finish(lost), ResultStatus::kStale);
  EXPECT_EQ(Finish(again), ResultStatus::kRecorded);
}

TEST_F(ShortLease, AFrozenWorkerDoesNotGetTheTaskBackThatItLost) {
  Submit(1);
  const LeasedTask lost = Request("frozen", 1, kLong)->at(0);
  // It had another slot free, so it polls; then it stands still.
  std::thread frozen([&] { EXPECT_TRUE(Request("frozen", 1, kLong)->empty()); });
  AwaitParked(1);
  frozen.join();
  const std::vector<LeasedTask> tasks = *Request("well", 1, kLong);
  ASSERT_EQ(tasks.size(), 1);
  EXPECT_EQ(tasks[0].task_id, lost.task_id);
  EXPECT_EQ(tasks[0].attempt, 2);
}

TEST_F(ShortLease, ALeaseThatIsRenewedLastsTenTimesItsTerm) {
  Submit(1);
  const LeasedTask task = Request("w1", 1, kLong)->at(0);
  HeldLease held;
  held.lease = {task.task_id, task.lease_id};
  const absl::Time end = clock_.Now() + absl::Seconds(2);
  while (clock_.Now() < end) {
    EXPECT_TRUE(dispatcher_->Heartbeat(Worker("w1"), {held}, kLong, Here)->empty());
    EXPECT_TRUE(Request("w2", 1, absl::ZeroDuration())->empty());
  }
  EXPECT_EQ(store_.GetTask(task.task_id)->core.attempt, 1);
  EXPECT_EQ(Finish(task), ResultStatus::kRecorded);
}

}  // namespace
}  // namespace tarea
