// The worker library against a master, in one process.

#include "worker/worker.h"

#include <atomic>
#include <map>
#include <set>
#include <stdexcept>
#include <thread>

#include "tests/integration/worker_fixture.h"

namespace tarea {
namespace {

using Stub = v1::TaskService::Stub;

TEST_F(WorkerTest, OneFunctionAndOneLineProcessATask) {
  Run("double", [](const v1::LeasedTask& task, TaskContext&) -> absl::StatusOr<std::string> {
    return task.payload() + task.payload();
  });
  v1::TaskSpec task = OfType("double");
  task.set_payload("ab");
  EXPECT_EQ(Await(SubmitOne(task), v1::TASK_STATE_SUCCEEDED).result(), "abab");
}

TEST_F(WorkerTest, AnErrorAndAnExceptionAreWhatPeopleSee) {
  Run(Options(),
      {{"error", [](const v1::LeasedTask&,
                    TaskContext&) { return NonRetryable(absl::DataLossError("bad picture")); }},
       {"throw", [](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
          throw std::runtime_error("oops");
        }}});
  const v1::Task error = Await(SubmitOne(OfType("error")), v1::TASK_STATE_FAILED);
  EXPECT_EQ(error.error().message(), "bad picture");
  EXPECT_EQ(error.attempts_size(), 1);
  v1::TaskSpec once = OfType("throw");
  once.mutable_retry()->set_max_attempts(1);
  EXPECT_EQ(Await(SubmitOne(once), v1::TASK_STATE_FAILED).error().message(),
            "the handler threw an exception: oops");
}

TEST_F(WorkerTest, MiddlewareGoesAroundTheHandlersOfAllTypes) {
  Worker worker(Options());
  worker.Use([](const v1::LeasedTask& task, TaskContext& context, const Handler& next) {
    absl::StatusOr<std::string> result = next(task, context);
    if (!result.ok()) return absl::StatusOr<std::string>("saved: " + task.type());
    return absl::StatusOr<std::string>(*result + "!");
  });
  worker.Handle("good", [](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
    return "hello";
  });
  worker.Handle("bad", [](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
    throw std::runtime_error("oops");
  });
  std::thread run([&worker] { EXPECT_TRUE(worker.Run().ok()); });
  EXPECT_EQ(Await(SubmitOne(OfType("good")), v1::TASK_STATE_SUCCEEDED).result(), "hello!");
  EXPECT_EQ(Await(SubmitOne(OfType("bad")), v1::TASK_STATE_SUCCEEDED).result(), "saved: bad");
  worker.Drain();
  run.join();
}

TEST_F(WorkerTest, TenThousandQuickTasksEachRunOnceAndAreFetchedAndReportedInBatches) {
  std::mutex mu;
  std::map<int64_t, int> runs;
  Run("quick", [&](const v1::LeasedTask& task, TaskContext&) -> absl::StatusOr<std::string> {
    const std::lock_guard<std::mutex> lock(mu);
    runs[task.task_id()]++;
    return "";
  });
  Submit(10'000, "quick");
  while (Stats().counts().succeeded() < 10'000) std::this_thread::yield();
  const std::lock_guard<std::mutex> lock(mu);
  EXPECT_EQ(runs.size(), 10'000);
  for (const auto& [id, count] : runs) EXPECT_EQ(count, 1);
}

TEST_F(WorkerTest, TakesOnlyTheTypesAndQueuesItIsToldTo) {
  WorkerOptions options = Options();
  options.queues = {"a"};
  options.types = {"x"};
  std::atomic<int> ran = 0;
  const Handler count = [&](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> {
    ++ran;
    return "";
  };
  Run(options, {{"x", count}, {"y", count}});
  v1::TaskSpec right = OfType("x");
  right.set_queue("a");
  v1::TaskSpec other_type = OfType("y");
  other_type.set_queue("a");
  const int64_t wrong1 = SubmitOne(OfType("x"));
  const int64_t wrong2 = SubmitOne(other_type);
  Await(SubmitOne(right), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(Get(wrong1).state(), v1::TASK_STATE_READY);
  EXPECT_EQ(Get(wrong2).state(), v1::TASK_STATE_READY);
  EXPECT_EQ(ran, 1);
}

TEST_F(WorkerTest, ARunningTaskIsToldOfACancelWithoutWaitingForALease) {
  Run("forever", Forever);
  const int64_t id = SubmitOne(OfType("forever"));
  Await(id, v1::TASK_STATE_RUNNING);
  Cancel(id);
  EXPECT_EQ(Await(id, v1::TASK_STATE_CANCELLED).attempts(0).outcome(),
            v1::ATTEMPT_OUTCOME_CANCELLED);
}

TEST_F(WorkerTest, AHandlerThatTakesItsTimeToStopDoesNotMakeHeartbeatsSpin) {
  std::atomic<bool> go_on = false;
  Run("stubborn", [&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    while (!go_on || !context.stopped()) std::this_thread::yield();
    return absl::CancelledError("at last");
  });
  const int64_t first = SubmitOne(OfType("stubborn"));
  const int64_t second = SubmitOne(OfType("stubborn"));
  Await(first, v1::TASK_STATE_RUNNING);
  Await(second, v1::TASK_STATE_RUNNING);
  // The second cancel arrives although the first has been told already and is not done.
  Cancel(first);
  Cancel(second);
  go_on = true;
  Await(first, v1::TASK_STATE_CANCELLED);
  Await(second, v1::TASK_STATE_CANCELLED);
}

TEST_F(WorkerTest, AnAttemptEndsWhenItsTimeoutIsOver) {
  Run("forever", Forever);
  v1::TaskSpec task = OfType("forever");
  task.mutable_timeout()->set_nanos(50'000'000);
  task.mutable_retry()->set_max_attempts(1);
  const v1::Task failed = Await(SubmitOne(task), v1::TASK_STATE_FAILED);
  EXPECT_EQ(failed.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_TIMED_OUT);
  EXPECT_EQ(failed.error().message(), "the attempt took longer than the task's timeout of 50ms");
}

TEST_F(WorkerTest, ProgressReachesThePeopleWhoAsk) {
  options_.dispatcher.lease = absl::Milliseconds(300);
  Start();
  Run("slow", [](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    context.SetProgress(0.25, "a quarter");
    return Forever({}, context);
  });
  const int64_t id = SubmitOne(OfType("slow"));
  while (Get(id).progress().message() != "a quarter") std::this_thread::yield();
}

TEST_F(WorkerTest, ATaskOfTenLeasesLengthRunsOnce) {
  options_.dispatcher.lease = absl::Milliseconds(200);
  Start();
  std::atomic<int> runs = 0;
  Run("long", [&](const v1::LeasedTask&, TaskContext& context) -> absl::StatusOr<std::string> {
    ++runs;
    EXPECT_TRUE(context.SleepFor(absl::Seconds(2)));
    return "";
  });
  const v1::Task task = Await(SubmitOne(OfType("long")), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(runs, 1);
  EXPECT_EQ(task.attempts_size(), 1);
}

TEST_F(WorkerTest, AResultThatIsStaleIsDroppedAndTheWorkerGoesOn) {
  v1::LeasedTask elsewhere;
  std::atomic<bool> taken = false;
  WorkerOptions options = Options();
  options.slots = 1;
  Worker& worker = Run(options, {{"t", [&](const v1::LeasedTask& task, TaskContext&) {
                                    if (task.payload() == "lost") {
                                      // Its lease ends while it runs, and somebody else has the
                                      // task.
                                      Report(task, v1::RESULT_OUTCOME_RELEASED, "",
                                             Get(task.task_id()).worker());
                                      elsewhere = Take("w2", 1).at(0);
                                      taken = true;
                                    }
                                    return absl::StatusOr<std::string>("late");
                                  }}});
  v1::TaskSpec lost = OfType("t");
  lost.set_payload("lost");
  const int64_t id = SubmitOne(lost);
  while (!taken) std::this_thread::yield();
  Await(SubmitOne(OfType("t")), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(Get(id).state(), v1::TASK_STATE_RUNNING);
  worker.Drain();
  threads_.at(0).join();  // it ends well: nothing is held
  threads_.clear();
  EXPECT_EQ(Report(elsewhere, v1::RESULT_OUTCOME_SUCCEEDED, "good"), v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(Get(id).result(), "good");
}

TEST_F(WorkerTest, WhatIsFetchedAheadOfALongTaskIsGivenBackForOthers) {
  WorkerOptions options = Options();
  options.slots = 1;
  options.name = "hog";
  std::atomic<bool> go_on = false;
  Worker& hog = Run(options, {{"t", [&](const v1::LeasedTask& task, TaskContext& context) {
                                 const bool wait = task.payload() == "long";
                                 while (wait && !go_on && context.SleepFor(absl::Milliseconds(1))) {
                                 }
                                 return absl::StatusOr<std::string>("hog");
                               }}});
  // Many quick ones, so that it fetches ahead; then a long one with others behind it.
  Submit(1000, "t");
  while (Stats().counts().succeeded() < 1000) std::this_thread::yield();
  v1::SubmitTasksRequest request;
  *request.add_tasks() = OfType("t");
  request.mutable_tasks(0)->set_payload("long");
  for (int i = 0; i < 20; ++i) *request.add_tasks() = OfType("t");
  const int64_t first = Submit(request).first_task_id();
  Await(first, v1::TASK_STATE_RUNNING);
  Run("t",
      [](const v1::LeasedTask&, TaskContext&) -> absl::StatusOr<std::string> { return "other"; });
  for (int64_t id = first + 1; id <= first + 20; ++id) {
    const v1::Task task = Await(id, v1::TASK_STATE_SUCCEEDED);
    EXPECT_EQ(task.result(), "other");
    EXPECT_EQ(task.attempt(), 1);
  }
  EXPECT_EQ(Get(first).state(), v1::TASK_STATE_RUNNING);
  go_on = true;
  Await(first, v1::TASK_STATE_SUCCEEDED);
  hog.Drain();
}

TEST_F(WorkerTest, DrainingFinishesWhatRunsAndTakesNothingNew) {
  std::atomic<bool> started = false;
  std::atomic<bool> go_on = false;
  Worker& worker = Run("wait", [&](const v1::LeasedTask&, TaskContext& context) {
    started = true;
    while (!go_on && context.SleepFor(absl::Milliseconds(1))) {
    }
    return absl::StatusOr<std::string>("finished");
  });
  const int64_t running = SubmitOne(OfType("wait"));
  while (!started) std::this_thread::yield();
  worker.Drain();
  v1::ListWorkersResponse workers;
  while (workers.workers_size() == 0 || !workers.workers(0).draining()) {
    ASSERT_TRUE(Call(&Stub::ListWorkers, v1::ListWorkersRequest(), workers).ok());
  }
  const int64_t later = SubmitOne(OfType("wait"));
  go_on = true;
  threads_.at(0).join();
  threads_.clear();
  EXPECT_EQ(Get(running).result(), "finished");
  EXPECT_EQ(Get(later).state(), v1::TASK_STATE_READY);
  EXPECT_EQ(Stats().workers(), 0);
}

TEST_F(WorkerTest, WhatIsNotDoneWithinTheDrainTimeoutIsGivenBackWithoutCountingTheAttempt) {
  WorkerOptions options = Options();
  options.drain_timeout = absl::Milliseconds(10);
  Worker& worker = Run(options, {{"forever", Forever}});
  const int64_t id = SubmitOne(OfType("forever"));
  Await(id, v1::TASK_STATE_RUNNING);
  worker.Drain();
  threads_.at(0).join();
  threads_.clear();
  EXPECT_EQ(Get(id).state(), v1::TASK_STATE_READY);
  EXPECT_EQ(Take("w2", 1).at(0).attempt(), 1);
}

TEST_F(WorkerTest, AWorkerWhoseSlotsAreAllBusyDrainsToo) {
  WorkerOptions options = Options();
  options.slots = 1;
  options.drain_timeout = absl::Milliseconds(10);
  std::atomic<bool> started = false;
  Worker& worker = Run(options, {{"forever", [&](const v1::LeasedTask& task, TaskContext& context) {
                                    started = true;
                                    return Forever(task, context);
                                  }}});
  const int64_t id = SubmitOne(OfType("forever"));
  while (!started) std::this_thread::yield();
  worker.Drain();
  threads_.at(0).join();
  threads_.clear();
  EXPECT_EQ(Get(id).state(), v1::TASK_STATE_READY);
}

TEST_F(WorkerTest, AResultThatIsTooLargeFailsItsTaskAndNoOther) {
  options_.limits.max_result = 1000;
  Start();
  Run("size", [](const v1::LeasedTask& task, TaskContext&) -> absl::StatusOr<std::string> {
    return std::string(task.payload() == "large" ? 1001 : 1000, 'x');
  });
  v1::SubmitTasksRequest request;
  for (int i = 0; i < 20; ++i) *request.add_tasks() = OfType("size");
  request.mutable_tasks(7)->set_payload("large");
  const int64_t first = Submit(request).first_task_id();
  for (int i = 0; i < 20; ++i) {
    const v1::Task task =
        Await(first + i, i == 7 ? v1::TASK_STATE_FAILED : v1::TASK_STATE_SUCCEEDED);
    if (i != 7) continue;
    EXPECT_EQ(task.attempts_size(), 1);
    EXPECT_NE(task.error().message().find("--max-result"), std::string::npos)
        << task.error().message();
  }
}

TEST_F(WorkerTest, GoesOnWhenTheMasterIsBackAndItsResultIsTaken) {
  const int port = master_->port();
  std::atomic<bool> go_on = false;
  std::atomic<int> runs = 0;
  Run("wait", [&](const v1::LeasedTask&, TaskContext& context) {
    ++runs;
    while (!go_on && context.SleepFor(absl::Milliseconds(1))) {
    }
    return absl::StatusOr<std::string>("finished");
  });
  const int64_t id = SubmitOne(OfType("wait"));
  Await(id, v1::TASK_STATE_RUNNING);
  master_->Shutdown();
  master_.reset();
  go_on = true;
  listen_ = absl::StrCat("127.0.0.1:", port);
  Start();
  EXPECT_EQ(Await(id, v1::TASK_STATE_SUCCEEDED).result(), "finished");
  EXPECT_EQ(runs, 1);
  Await(SubmitOne(OfType("wait")), v1::TASK_STATE_SUCCEEDED);
}

TEST_F(WorkerTest, OptionsThatMakeNoSenseAreSaid) {
  Worker none(Options());
  EXPECT_EQ(none.Run().message(), "there is no handler; call Handle before Run");
  WorkerOptions options = Options();
  options.types = {"z"};
  Worker unknown(options);
  unknown.Handle("x", Forever);
  unknown.Handle("y", Forever);
  EXPECT_EQ(unknown.Run().message(),
            "there is no handler for type 'z'; there are handlers for x, y");
  options = Options();
  options.queues = {"no good"};
  Worker refused(options);
  refused.Handle("x", Forever);
  EXPECT_EQ(refused.Run().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(WorkerTest, EndsAlthoughNoMasterCanBeReached) {
  WorkerOptions options = Options();
  master_->Shutdown();
  master_.reset();
  Worker worker(options);
  worker.Handle("x", Forever);
  std::thread run([&worker] { EXPECT_TRUE(worker.Run().ok()); });
  worker.Drain();
  run.join();
}

}  // namespace
}  // namespace tarea
