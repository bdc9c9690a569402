#include "master/store/lifecycle.h"

#include <gtest/gtest.h>

#include "absl/time/time.h"

namespace tarea {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

TaskCore Running(int attempt, int max_attempts) {
  TaskSpec spec;
  spec.retry.max_attempts = max_attempts;
  TaskCore task = NewTask(spec, 7, 1, kNow);
  task.attempt = attempt - 1;
  StartAttempt(task, kNow, absl::Seconds(30), /*lease_id=*/100 + attempt, "w1");
  return task;
}

TaskResult Failed(LeaseId lease, int code = 2) {
  TaskResult result;
  result.task_id = 7;
  result.lease_id = lease;
  result.outcome = ResultOutcome::kFailed;
  result.error = {code, "broken"};
  return result;
}

TEST(Backoff, GrowsByItsFactorUpToTheLongestWait) {
  RetryPolicy policy;
  policy.jitter = 0;
  EXPECT_EQ(Backoff(policy, 1, 1), absl::Seconds(1));
  EXPECT_EQ(Backoff(policy, 1, 2), absl::Seconds(2));
  EXPECT_EQ(Backoff(policy, 1, 5), absl::Seconds(16));
  EXPECT_EQ(Backoff(policy, 1, 20), absl::Minutes(5));
  EXPECT_EQ(Backoff(policy, 1, 1000), absl::Minutes(5));
}

TEST(Backoff, JitterShortensByUpToItsShareAndIsTheSameEachTime) {
  RetryPolicy policy;
  policy.jitter = 0.5;
  bool differs = false;
  for (TaskId id = 1; id <= 1000; ++id) {
    const absl::Duration wait = Backoff(policy, id, 1);
    EXPECT_GT(wait, absl::Milliseconds(499));
    EXPECT_LE(wait, absl::Seconds(1));
    EXPECT_EQ(wait, Backoff(policy, id, 1));
    differs = differs || wait != Backoff(policy, 1, 1);
  }
  EXPECT_TRUE(differs);
}

TEST(Lifecycle, AFailureWithAttemptsLeftIsScheduledAgain) {
  TaskCore task = Running(1, 3);
  RetryPolicy policy;
  policy.jitter = 0;
  const AttemptEnd end = ApplyResult(task, policy, Failed(101), kNow);
  EXPECT_EQ(task.state, TaskState::kScheduled);
  EXPECT_EQ(task.ready_at, kNow + absl::Seconds(1));
  ASSERT_TRUE(end.record.has_value());
  EXPECT_EQ(end.record->number, 1);
  EXPECT_EQ(end.record->error.message, "broken");
}

TEST(Lifecycle, AFailureOfTheLastAttemptIsFinal) {
  TaskCore task = Running(3, 3);
  ApplyResult(task, {}, Failed(103), kNow);
  EXPECT_EQ(task.state, TaskState::kFailed);
  EXPECT_EQ(task.finished_at, kNow);
}

TEST(Lifecycle, ANonRetryableCodeIsFinalAtOnce) {
  TaskCore task = Running(1, 3);
  RetryPolicy policy;
  policy.non_retryable_codes = {3};
  ApplyResult(task, policy, Failed(101, /*code=*/3), kNow);
  EXPECT_EQ(task.state, TaskState::kFailed);
}

TEST(Lifecycle, ALostLeasePutsTheTaskBackWithItsAttemptCounted) {
  TaskCore task = Running(1, 3);
  const AttemptEnd end = LoseLease(task, kNow);
  EXPECT_EQ(task.state, TaskState::kReady);
  EXPECT_EQ(task.attempt, 1);
  EXPECT_TRUE(task.lease_lost);
  EXPECT_EQ(end.record->outcome, AttemptOutcome::kLost);
}

TEST(Lifecycle, AResultIsAppliedAfterItsLeaseRanOutIfNobodyElseBegan) {
  TaskCore task = Running(1, 3);
  LoseLease(task, kNow);
  TaskResult result;
  result.lease_id = 101;
  EXPECT_EQ(JudgeResult(task, result), ResultVerdict::kApply);
  StartAttempt(task, kNow, absl::Seconds(30), 102, "w2");
  EXPECT_EQ(JudgeResult(task, result), ResultVerdict::kCompareAttempt);
}

TEST(Lifecycle, AReleasedAttemptDoesNotCount) {
  TaskCore task = Running(2, 3);
  TaskResult result;
  result.lease_id = 102;
  result.outcome = ResultOutcome::kReleased;
  const AttemptEnd end = ApplyResult(task, {}, result, kNow);
  EXPECT_EQ(task.state, TaskState::kReady);
  EXPECT_EQ(task.attempt, 1);
  EXPECT_EQ(end.erase, 2);
  EXPECT_FALSE(end.record.has_value());
}

TEST(Lifecycle, ACancelledTaskIsNotTriedAgain) {
  for (const bool lost : {false, true}) {
    TaskCore task = Running(1, 3);
    EXPECT_EQ(CancelTask(task, kNow), CancelVerdict::kStopping);
    EXPECT_EQ(task.state, TaskState::kRunning);
    if (lost) {
      LoseLease(task, kNow);
    } else {
      ApplyResult(task, {}, Failed(101), kNow);
    }
    EXPECT_EQ(task.state, TaskState::kCancelled);
  }
}

TEST(Lifecycle, ASuccessThatComesBeforeTheWorkerHasStoppedWinsOverACancel) {
  TaskCore task = Running(1, 3);
  CancelTask(task, kNow);
  TaskResult result;
  result.lease_id = 101;
  ApplyResult(task, {}, result, kNow);
  EXPECT_EQ(task.state, TaskState::kSucceeded);
  EXPECT_EQ(CancelTask(task, kNow), CancelVerdict::kFinished);
}

TEST(Lifecycle, ARetriedTaskHasItsAttemptsAgain) {
  TaskCore task = Running(3, 3);
  ApplyResult(task, {}, Failed(103), kNow);
  RetryTask(task, RetryPolicy{}, kNow);
  EXPECT_EQ(task.state, TaskState::kReady);
  EXPECT_EQ(task.attempt, 3);
  EXPECT_EQ(task.max_attempts, 6);
}

}  // namespace
}  // namespace tarea
