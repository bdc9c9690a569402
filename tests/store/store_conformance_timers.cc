// Claims about Advance: what happens because time passes, or because a parent has finished.

#include "master/store/lifecycle.h"
#include "tests/store/store_conformance.h"

namespace tarea {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TAREA_STORE_SUITE(LostLeases);
TAREA_STORE_SUITE(Schedules);
TAREA_STORE_SUITE(StartLimits);
TAREA_STORE_SUITE(Settling);

// --- Leases
// ------------------------------------------------------------------------------------------------

TEST_P(LostLeases, PutTheTaskBackWithTheAttemptCountedAndTheReasonKept) {
  Submit(Spec());
  const LeasedTask leased = ClaimOne();
  Pass(kLease - absl::Microseconds(1));
  EXPECT_EQ(Advance(), AdvanceAnswer());
  EXPECT_EQ(State(1), TaskState::kRunning);
  Pass(absl::Microseconds(1));
  EXPECT_EQ(Advance().expired_leases, 1);
  EXPECT_THAT(effects.ready, UnorderedElementsAre(Pair(Pair("default", "t"), 1)));
  EXPECT_THAT(effects.batches, ElementsAre(1));
  const Task task = Get(1);
  EXPECT_EQ(task.core.state, TaskState::kReady);
  EXPECT_EQ(task.core.attempt, 1);
  EXPECT_TRUE(task.core.lease_lost);
  EXPECT_EQ(task.core.ready_at, now());
  EXPECT_THAT(task.error.message, HasSubstr("w1"));
  ASSERT_THAT(task.attempts, SizeIs(1));
  EXPECT_EQ(task.attempts[0].outcome, AttemptOutcome::kLost);
  EXPECT_EQ(task.attempts[0].lease_id, leased.lease_id);
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
}

TEST_P(LostLeases, EndATaskThatHasNoAttemptsLeft) {
  Submit(WithAttempts(1));
  ClaimOne();
  Pass(kLease);
  Advance();
  const Task task = Get(1);
  EXPECT_EQ(task.core.state, TaskState::kFailed);
  EXPECT_EQ(task.core.finish_seq, 1);
  EXPECT_EQ(task.error.code, 14);
  EXPECT_EQ(GetBatch(1).idle_since, now());
}

TEST_P(LostLeases, AreTakenInTheOrderInWhichTheyRanOut) {
  Submit({WithAttempts(1), WithAttempts(1), WithAttempts(1)});
  const std::vector<LeasedTask> leased = Claim(3);
  Pass(absl::Seconds(1));
  Renew({LeaseOf(leased[0])});
  Pass(kLease);
  AdvanceAnswer answer = Advance(2);
  EXPECT_EQ(answer.expired_leases, 2);
  EXPECT_TRUE(answer.more);
  EXPECT_EQ(Get(2).core.finish_seq, 1);
  EXPECT_EQ(Get(3).core.finish_seq, 2);
  answer = Advance(2);
  EXPECT_EQ(answer.expired_leases, 1);
  EXPECT_FALSE(answer.more);
  EXPECT_EQ(Get(1).core.finish_seq, 3);
}

TEST_P(LostLeases, NameTheWorkersThatWereLost) {
  Submit({Spec(), Spec(), Spec()});
  ClaimRequest request;
  request.queues = {"default"};
  for (const std::string worker : {"w1", "w1", "w2"}) {
    request.worker = worker;
    Claim(request);
  }
  Pass(kLease);
  EXPECT_THAT(Advance().lost_workers, ElementsAre("w1", "w2"));
  EXPECT_THAT(Advance().lost_workers, IsEmpty());
}

// --- Schedules
// ------------------------------------------------------------------------------------------------

TEST_P(Schedules, ATaskIsReadyWhenItsTimeHasCome) {
  Submit(WithDelay(absl::Seconds(5)));
  const absl::Time due = now() + absl::Seconds(5);
  Pass(absl::Seconds(5) - absl::Microseconds(1));
  EXPECT_EQ(Advance().promoted, 0);
  Pass(absl::Microseconds(1));
  EXPECT_EQ(Advance().promoted, 1);
  EXPECT_EQ(State(1), TaskState::kReady);
  EXPECT_EQ(Get(1).core.ready_at, due);
  EXPECT_THAT(effects.ready, UnorderedElementsAre(Pair(Pair("default", "t"), 1)));
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
}

TEST_P(Schedules, EarliestFirstAndThenById) {
  Submit({WithDelay(absl::Seconds(3)), WithDelay(absl::Seconds(1)), WithDelay(absl::Seconds(3))});
  Pass(absl::Seconds(3));
  for (const TaskId next : {2, 1, 3}) {
    const AdvanceAnswer answer = Advance(1);
    EXPECT_EQ(answer.promoted, 1);
    EXPECT_TRUE(answer.more);
    EXPECT_EQ(State(next), TaskState::kReady);
  }
  EXPECT_EQ(Advance(1), AdvanceAnswer());
}

// --- Start limits
// ------------------------------------------------------------------------------------------------

TEST_P(StartLimits, CancelWhateverHasNotStartedInTime) {
  TaskSpec scheduled = ExpiringIn(absl::Seconds(10));
  scheduled.delay = absl::Seconds(20);
  TaskSpec blocked = ExpiringIn(absl::Seconds(10));
  blocked.depends_on_index = {0};
  Submit({ExpiringIn(absl::Seconds(10)), scheduled, blocked});
  Pass(absl::Seconds(10) - absl::Microseconds(1));
  EXPECT_EQ(Advance().expired_tasks, 0);
  Pass(absl::Microseconds(1));
  EXPECT_EQ(Advance().expired_tasks, 3);
  for (const TaskId id : {1, 2, 3}) {
    const Task task = Get(id);
    EXPECT_EQ(task.core.state, TaskState::kCancelled);
    EXPECT_EQ(task.core.finish_seq, id);
    EXPECT_EQ(task.error, StartExpiredError(absl::Seconds(10)));
    EXPECT_THAT(task.error.message, HasSubstr("not started within its expires_in of 10s"));
    EXPECT_EQ(task.error.code, 4);
  }
  EXPECT_EQ(GetBatch(1).idle_since, now());
}

TEST_P(StartLimits, EarliestFirst) {
  Submit({ExpiringIn(absl::Seconds(2)), ExpiringIn(absl::Seconds(1))});
  Pass(absl::Seconds(2));
  EXPECT_TRUE(Advance(1).more);
  EXPECT_EQ(State(1), TaskState::kReady);
  EXPECT_EQ(State(2), TaskState::kCancelled);
}

TEST_P(StartLimits, DoNotCountOnceAnAttemptHasBegun) {
  Submit(ExpiringIn(absl::Seconds(1)));
  Complete(Failed(ClaimOne()));
  Pass(absl::Hours(1));
  EXPECT_EQ(Advance().expired_tasks, 0);
  EXPECT_EQ(State(1), TaskState::kReady);
}

TEST_P(StartLimits, DoNotCountWhileATaskIsBeingStopped) {
  Submit(ExpiringIn(absl::Seconds(1)));
  const LeasedTask leased = ClaimOne();
  Cancel({1});
  Pass(absl::Seconds(1));
  EXPECT_EQ(Advance().expired_tasks, 0);
  EXPECT_EQ(State(1), TaskState::kRunning);
  EXPECT_EQ(Complete(Cancelled(leased)), ResultStatus::kRecorded);
}

TEST_P(StartLimits, CountAgainForATaskThatWasGivenBackUnstarted) {
  Submit(ExpiringIn(absl::Seconds(1)));
  const LeasedTask leased = ClaimOne();
  Pass(absl::Seconds(1));
  EXPECT_EQ(Advance().expired_tasks, 0);
  Complete(Released(leased));
  EXPECT_EQ(Advance().expired_tasks, 1);
}

// --- Settling
// ------------------------------------------------------------------------------------------------

TEST_P(Settling, ASuccessLetsItsDependentsGo) {
  TaskSpec delayed = AfterPositions({0});
  delayed.delay = absl::Seconds(5);
  Submit({Spec(), AfterPositions({0}), delayed});
  Pass(absl::Seconds(1));
  Succeed();
  EXPECT_EQ(effects.next_due, absl::InfinitePast());
  EXPECT_EQ(NextDue(), absl::InfinitePast());
  EXPECT_EQ(State(2), TaskState::kBlocked);
  EXPECT_EQ(Advance().settled, 2);
  EXPECT_THAT(effects.ready, UnorderedElementsAre(Pair(Pair("default", "t"), 1)));
  EXPECT_EQ(State(2), TaskState::kReady);
  EXPECT_EQ(Get(2).core.ready_at, now());
  EXPECT_EQ(Get(2).core.blocked_on, 0);
  EXPECT_EQ(State(3), TaskState::kScheduled);
  EXPECT_EQ(Get(3).core.ready_at, now() + absl::Seconds(4));
  EXPECT_EQ(effects.next_due, now() + absl::Seconds(4));
  EXPECT_EQ(NextDue(), now() + absl::Seconds(4));
}

TEST_P(Settling, ATaskWaitsForTheLastOfItsParents) {
  Submit({Spec(), Spec(), AfterPositions({0, 1})});
  const std::vector<LeasedTask> leased = Claim(2);
  Complete(Succeeded(leased[1]));
  Advance();
  EXPECT_EQ(State(3), TaskState::kBlocked);
  EXPECT_EQ(Get(3).core.blocked_on, 1);
  Complete(Succeeded(leased[0]));
  Advance();
  EXPECT_EQ(State(3), TaskState::kReady);
}

TEST_P(Settling, ATaskWithoutDependentsIsNotDue) {
  Submit(Spec());
  Succeed();
  EXPECT_EQ(effects.next_due, absl::InfiniteFuture());
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
}

TEST_P(Settling, AFailureCancelsAllThatDependOnItDownTheLine) {
  Submit({Spec(), AfterPositions({0}), AfterPositions({1}), AfterPositions({2, 1})});
  FailForGood();
  EXPECT_EQ(Advance().settled, 4);
  for (const TaskId id : {2, 3, 4}) EXPECT_EQ(State(id), TaskState::kCancelled) << id;
  EXPECT_EQ(Get(2).error, ParentError(1, TaskState::kFailed));
  EXPECT_EQ(Get(3).error, ParentError(2, TaskState::kCancelled));
  EXPECT_EQ(Get(4).error, ParentError(2, TaskState::kCancelled));
  EXPECT_EQ(Get(2).core.finish_seq, 2);
  EXPECT_EQ(Get(4).core.finish_seq, 4);
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
  EXPECT_EQ(GetBatch(1).idle_since, now());
}

TEST_P(Settling, ATaskThatRunsEvenIfItsParentsFailedDoesSo) {
  Submit({Spec(), Spec(), EvenIfFailed(AfterPositions({0, 1}))});
  Cancel({1});
  Advance();
  EXPECT_EQ(State(3), TaskState::kBlocked);
  FailForGood();
  Advance();
  EXPECT_EQ(State(3), TaskState::kReady);
}

TEST_P(Settling, GoesOnWhereItsLimitStoppedIt) {
  Submit({Spec(), AfterPositions({0}), AfterPositions({0}), AfterPositions({0})});
  Succeed();
  AdvanceAnswer answer = Advance(2);
  EXPECT_EQ(answer.settled, 2);
  EXPECT_TRUE(answer.more);
  EXPECT_EQ(State(3), TaskState::kReady);
  EXPECT_EQ(State(4), TaskState::kBlocked);
  EXPECT_EQ(NextDue(), absl::InfinitePast());
  Reopen();
  answer = Advance(2);
  EXPECT_EQ(answer.settled, 1);
  EXPECT_FALSE(answer.more);
  EXPECT_EQ(State(4), TaskState::kReady);
}

TEST_P(Settling, ParentsInTheOrderInWhichTheyFinished) {
  Submit({Spec(), Spec(), AfterPositions({0}), AfterPositions({1})});
  const std::vector<LeasedTask> leased = Claim(2);
  Complete(Succeeded(leased[1]));
  Complete(Succeeded(leased[0]));
  Advance(1);
  EXPECT_EQ(State(4), TaskState::kReady);
  EXPECT_EQ(State(3), TaskState::kBlocked);
}

TEST_P(Settling, ADependentThatWaitsNoLongerIsToldInVain) {
  Submit({Spec(), Spec(), AfterPositions({0, 1})});
  Cancel({3}, "not needed");
  Complete(Succeeded(Claim(1).at(0)));
  EXPECT_EQ(Advance().settled, 1);
  EXPECT_EQ(State(3), TaskState::kCancelled);
  EXPECT_EQ(Get(3).error.message, "not needed");
}

TEST_P(Settling, HappensAfterTheOtherTimersOfTheSameCall) {
  TaskSpec doomed = ExpiringIn(absl::Seconds(1));
  Submit({doomed, AfterPositions({0})});
  Pass(absl::Seconds(1));
  const AdvanceAnswer answer = Advance();
  EXPECT_EQ(answer.expired_tasks, 1);
  EXPECT_EQ(answer.settled, 1);
  EXPECT_EQ(State(2), TaskState::kCancelled);
}

}  // namespace
}  // namespace tarea
