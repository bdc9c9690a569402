#include "worker/held_task.h"

#include <gtest/gtest.h>

#include <thread>

#include "common/convert.h"

namespace tarea {
namespace {

class HeldTaskTest : public testing::Test {
 protected:
  HeldTask Make(absl::Duration timeout = absl::InfiniteDuration()) {
    v1::LeasedTask task;
    task.set_task_id(17);
    task.set_lease_id(42);
    task.set_type("echo");
    if (timeout < absl::InfiniteDuration()) *task.mutable_timeout() = ToProto(timeout);
    return {std::move(task), &clock_, true};
  }

  ManualClock clock_{absl::FromUnixSeconds(1'000'000)};
};

TEST_F(HeldTaskTest, WhatTheHandlerReturnsIsTheResult) {
  HeldTask held = Make();
  const v1::TaskResult result = held.MakeResult("done");
  EXPECT_EQ(result.outcome(), v1::RESULT_OUTCOME_SUCCEEDED);
  EXPECT_EQ(result.result(), "done");
  EXPECT_EQ(result.task_id(), 17);
  EXPECT_EQ(result.lease_id(), 42);
}

TEST_F(HeldTaskTest, AnErrorFailsTheAttemptAndKeepsTheOutput) {
  HeldTask held = Make();
  held.SetOutput("half");
  const v1::TaskResult result = held.MakeResult(absl::DataLossError("broken"));
  EXPECT_EQ(result.outcome(), v1::RESULT_OUTCOME_FAILED);
  EXPECT_EQ(result.error().code(), static_cast<int>(absl::StatusCode::kDataLoss));
  EXPECT_EQ(result.error().message(), "broken");
  EXPECT_EQ(result.result(), "half");
  EXPECT_FALSE(result.non_retryable());
}

TEST_F(HeldTaskTest, ANonRetryableErrorSaysSo) {
  HeldTask held = Make();
  EXPECT_TRUE(held.MakeResult(NonRetryable(absl::InvalidArgumentError("never"))).non_retryable());
}

TEST_F(HeldTaskTest, ACancelledHandlerThatSucceedsAllTheSameHasSucceeded) {
  HeldTask held = Make();
  held.Stop(StopCause::kCancelled);
  EXPECT_EQ(held.MakeResult("done").outcome(), v1::RESULT_OUTCOME_SUCCEEDED);
}

TEST_F(HeldTaskTest, ACancelledHandlerThatStopsIsCancelled) {
  HeldTask held = Make();
  held.Stop(StopCause::kCancelled);
  EXPECT_EQ(held.MakeResult(absl::CancelledError("")).outcome(), v1::RESULT_OUTCOME_CANCELLED);
}

TEST_F(HeldTaskTest, ResultsThatComeTooLateAreTimedOutWithTheTimeout) {
  HeldTask held = Make(absl::Seconds(3));
  held.Stop(StopCause::kTimedOut);
  const v1::TaskResult result = held.MakeResult("done");
  EXPECT_EQ(result.outcome(), v1::RESULT_OUTCOME_TIMED_OUT);
  EXPECT_EQ(result.error().message(), "the attempt took longer than the task's timeout of 3s");
  EXPECT_EQ(result.result(), "done");
}

TEST_F(HeldTaskTest, WhatIsStoppedBecauseTheWorkerEndsIsGivenBack) {
  HeldTask held = Make();
  held.Stop(StopCause::kDraining);
  EXPECT_EQ(held.MakeResult(absl::CancelledError("")).outcome(), v1::RESULT_OUTCOME_RELEASED);
}

TEST_F(HeldTaskTest, TheFirstReasonToStopCounts) {
  HeldTask held = Make();
  EXPECT_TRUE(held.Stop(StopCause::kTimedOut));
  EXPECT_FALSE(held.Stop(StopCause::kCancelled));
  EXPECT_EQ(held.stop_cause(), StopCause::kTimedOut);
}

TEST_F(HeldTaskTest, TheCallbackRunsOnceWhetherItComesBeforeOrAfterTheStop) {
  HeldTask before = Make();
  int calls = 0;
  before.OnStop([&calls] { ++calls; });
  EXPECT_EQ(calls, 0);
  before.Stop(StopCause::kCancelled);
  before.Stop(StopCause::kLost);
  EXPECT_EQ(calls, 1);
  before.OnStop([&calls] { ++calls; });
  EXPECT_EQ(calls, 2);
}

TEST_F(HeldTaskTest, ACallbackThatWasTakenBackDoesNotRun) {
  HeldTask held = Make();
  held.OnStop([] { FAIL(); });
  held.OnStop(nullptr);
  held.Stop(StopCause::kCancelled);
}

TEST_F(HeldTaskTest, ASleepEndsWhenTheTaskIsToStop) {
  HeldTask held = Make();
  std::thread stop([&held] { held.Stop(StopCause::kCancelled); });
  EXPECT_FALSE(held.SleepFor(absl::Minutes(5)));
  stop.join();
  EXPECT_TRUE(Make().SleepFor(absl::Milliseconds(1)));
}

TEST_F(HeldTaskTest, TheTimeOfAnAttemptCountsFromItsStart) {
  HeldTask held = Make(absl::Seconds(10));
  clock_.Advance(absl::Seconds(7));
  held.Start();
  EXPECT_EQ(held.time_left(), absl::Seconds(10));
  clock_.Advance(absl::Seconds(4));
  EXPECT_EQ(held.time_left(), absl::Seconds(6));
  EXPECT_EQ(Make().time_left(), absl::InfiniteDuration());
}

TEST_F(HeldTaskTest, OnlyOneSettlesIt) {
  HeldTask held = Make();
  EXPECT_TRUE(held.Settle());
  EXPECT_FALSE(held.Settle());
}

}  // namespace
}  // namespace tarea
