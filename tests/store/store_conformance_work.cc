// Claims about Complete and Renew.

#include "tests/store/store_conformance.h"

namespace tarea {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TAREA_STORE_SUITE(Results);
TAREA_STORE_SUITE(StaleResults);
TAREA_STORE_SUITE(Leases);

// --- Complete
// ------------------------------------------------------------------------------------------------

TEST_P(Results, ASuccessIsStoredWithItsBytes) {
  const TaskId id = Submit(Spec());
  const LeasedTask leased = ClaimOne();
  Pass(absl::Seconds(2));
  EXPECT_EQ(Complete(Succeeded(leased, std::string("r\0s", 3))), ResultStatus::kRecorded);
  EXPECT_THAT(effects.batches, ElementsAre(1));
  Reopen();
  const Task task = Get(id);
  EXPECT_EQ(task.core.state, TaskState::kSucceeded);
  EXPECT_EQ(task.core.finished_at, now());
  EXPECT_EQ(task.core.finish_seq, 1);
  EXPECT_EQ(task.result, std::string("r\0s", 3));
  EXPECT_EQ(task.result_size, 3);
  EXPECT_TRUE(task.core.has_outcome);
  EXPECT_EQ(task.error, TaskError());
  ASSERT_THAT(task.attempts, SizeIs(1));
  EXPECT_EQ(task.attempts[0].outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(task.attempts[0].ended_at, now());
  EXPECT_EQ(GetBatch(1).idle_since, now());
}

// Lease ids can be guessed; whose worker's they are cannot be chosen.
TEST_P(StaleResults, OneOfAnotherWorker) {
  const TaskId id = Submit(Spec());
  const LeasedTask leased = ClaimOne();  // by "w1"
  TaskResult result = Succeeded(leased);
  result.worker = "w2";
  EXPECT_EQ(Complete(result), ResultStatus::kStale);
  EXPECT_EQ(State(id), TaskState::kRunning);
  Lease lease = LeaseOf(leased);
  lease.worker = "w2";
  EXPECT_THAT(Renew({lease}), ElementsAre(Stop{id, leased.lease_id, StopReason::kLost}));
  lease.worker = "w1";
  EXPECT_THAT(Renew({lease}), IsEmpty());
  result.worker = "w1";
  EXPECT_EQ(Complete(result), ResultStatus::kRecorded);
  EXPECT_EQ(Complete(result), ResultStatus::kRecorded);
  result.worker = "w2";
  EXPECT_EQ(Complete(result), ResultStatus::kStale);
}

TEST_P(Results, ASuccessWithoutBytesHasNoOutcome) {
  const TaskId id = Submit(Spec());
  Succeed("");
  EXPECT_FALSE(Get(id).core.has_outcome);
  EXPECT_EQ(Get(id).result_size, 0);
}

TEST_P(Results, AFailureWithAttemptsLeftWaitsAndKeepsItsError) {
  const TaskId id = Submit(Spec());
  TaskResult result = Failed(ClaimOne(), 5, "no such file");
  result.result = "half of it";
  EXPECT_EQ(Complete(result), ResultStatus::kRecorded);
  const Task task = Get(id);
  EXPECT_EQ(task.core.state, TaskState::kScheduled);
  EXPECT_EQ(task.core.ready_at, now() + absl::Seconds(1));
  EXPECT_EQ(task.error, (TaskError{5, "no such file"}));
  EXPECT_EQ(task.result, "");
  EXPECT_TRUE(task.core.has_outcome);
  ASSERT_THAT(task.attempts, SizeIs(1));
  EXPECT_EQ(task.attempts[0].outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(task.attempts[0].error, (TaskError{5, "no such file"}));
  EXPECT_EQ(effects.next_due, now() + absl::Seconds(1));
}

TEST_P(Results, TheLastFailureIsFinalAndKeepsItsBytes) {
  const TaskId id = Submit(WithAttempts(2));
  Complete(Failed(ClaimOne()));
  Pass(absl::Seconds(1));
  Advance();
  TaskResult result = Failed(ClaimOne(), 13, "again");
  result.result = "log";
  Complete(result);
  const Task task = Get(id);
  EXPECT_EQ(task.core.state, TaskState::kFailed);
  EXPECT_EQ(task.core.attempt, 2);
  EXPECT_EQ(task.core.finish_seq, 1);
  EXPECT_EQ(task.error, (TaskError{13, "again"}));
  EXPECT_EQ(task.result, "log");
  EXPECT_THAT(task.attempts, SizeIs(2));
}

TEST_P(Results, ASuccessClearsTheErrorsButKeepsTheAttempts) {
  const TaskId id = Submit(Spec());
  Complete(Failed(ClaimOne()));
  Pass(absl::Seconds(1));
  Advance();
  Succeed();
  const Task task = Get(id);
  EXPECT_EQ(task.error, TaskError());
  EXPECT_FALSE(task.core.has_outcome);
  ASSERT_THAT(task.attempts, SizeIs(2));
  EXPECT_EQ(task.attempts[0].outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(task.attempts[1].outcome, AttemptOutcome::kSucceeded);
}

TEST_P(Results, AnErrorThatIsNotToBeRetriedIsFinal) {
  TaskSpec spec = Spec();
  spec.retry.non_retryable_codes = {3};
  Submit({spec, spec, spec});
  const std::vector<LeasedTask> leased = Claim(3);
  Complete(Failed(leased[0], 3));
  Complete(Failed(leased[1], 4));
  TaskResult told = Failed(leased[2], 4);
  told.non_retryable = true;
  Complete(told);
  EXPECT_EQ(State(1), TaskState::kFailed);
  EXPECT_EQ(State(2), TaskState::kScheduled);
  EXPECT_EQ(State(3), TaskState::kFailed);
}

TEST_P(Results, WithoutABackOffATaskIsReadyAtOnce) {
  TaskSpec spec = Spec();
  spec.retry.initial_backoff = absl::ZeroDuration();
  Submit(spec);
  Complete(Failed(ClaimOne()));
  EXPECT_EQ(State(1), TaskState::kReady);
  EXPECT_THAT(effects.ready, UnorderedElementsAre(Pair(Pair("default", "t"), 1)));
}

TEST_P(Results, ATimeOutIsAFailureWithItsOwnError) {
  Submit(WithAttempts(1));
  TaskResult result = Succeeded(ClaimOne());
  result.outcome = ResultOutcome::kTimedOut;
  Complete(result);
  EXPECT_EQ(State(1), TaskState::kFailed);
  EXPECT_EQ(Get(1).error.code, 4);
  EXPECT_EQ(Get(1).attempts[0].outcome, AttemptOutcome::kTimedOut);
}

TEST_P(Results, AReleasedTaskIsReadyAgainAsIfItHadNotBeenTaken) {
  Submit(WithAttempts(1));
  const LeasedTask leased = ClaimOne();
  Pass(absl::Seconds(1));
  EXPECT_EQ(Complete(Released(leased)), ResultStatus::kRecorded);
  const Task task = Get(1);
  EXPECT_EQ(task.core.state, TaskState::kReady);
  EXPECT_EQ(task.core.attempt, 0);
  EXPECT_EQ(task.core.lease_id, 0);
  EXPECT_EQ(task.core.worker, "");
  EXPECT_THAT(task.attempts, IsEmpty());
  EXPECT_THAT(effects.ready, UnorderedElementsAre(Pair(Pair("default", "t"), 1)));
  EXPECT_EQ(ClaimOne().attempt, 1);
}

TEST_P(Results, AReleaseAfterTheTimeToStartIsDueAtOnce) {
  Submit(ExpiringIn(absl::Seconds(1)));
  const LeasedTask leased = ClaimOne();
  Pass(absl::Seconds(2));
  Complete(Released(leased));
  EXPECT_LE(effects.next_due, now());
  EXPECT_LE(NextDue(), now());
}

TEST_P(Results, ASuccessThatComesBeforeTheWorkerHasStoppedWinsOverACancel) {
  Submit(Spec());
  const LeasedTask leased = ClaimOne();
  Cancel({1});
  EXPECT_EQ(Complete(Succeeded(leased, "r")), ResultStatus::kRecorded);
  EXPECT_EQ(State(1), TaskState::kSucceeded);
  EXPECT_EQ(Get(1).result, "r");
}

TEST_P(Results, OfADroppedTransactionLeaveNothing) {
  Submit({Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(2);
  {
    const std::unique_ptr<Store::Transaction> dropped = store().Begin();
    ASSERT_TRUE(dropped->Complete(now(), {Failed(leased[1]), Succeeded(leased[0])}).ok());
  }
  Submit(Spec());  // commits what there is
  EXPECT_EQ(State(1), TaskState::kRunning);
  EXPECT_EQ(State(2), TaskState::kRunning);
  EXPECT_EQ(GetBatch(1).counts[TaskState::kRunning], 2);
  EXPECT_EQ(Complete(Succeeded(leased[0])), ResultStatus::kRecorded);
  EXPECT_EQ(Complete(Succeeded(leased[1])), ResultStatus::kRecorded);
}

TEST_P(Results, EachIsAnsweredByItself) {
  Submit({Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(2);
  TaskResult stale = Succeeded(leased[0]);
  stale.lease_id++;
  TaskResult unknown = Succeeded(leased[0]);
  unknown.task_id = 99;
  const std::unique_ptr<Store::Transaction> tx = store().Begin();
  const auto statuses = tx->Complete(
      now(), {stale, unknown, Succeeded(leased[1]), Succeeded(leased[0]), Succeeded(leased[1])});
  ASSERT_TRUE(statuses.ok()) << statuses.status();
  EXPECT_THAT(*statuses,
              ElementsAre(ResultStatus::kStale, ResultStatus::kUnknown, ResultStatus::kRecorded,
                          ResultStatus::kRecorded, ResultStatus::kRecorded));
  ASSERT_TRUE(tx->Commit().ok());
  EXPECT_EQ(Get(2).core.finish_seq, 1);
  EXPECT_EQ(Get(1).core.finish_seq, 2);
}

// --- Late, wrong and repeated results
// ------------------------------------------------------------------------------------------------

TEST_P(StaleResults, TheSameSuccessAgainIsRecordedAgain) {
  Submit(Spec());
  const LeasedTask leased = ClaimOne();
  Complete(Succeeded(leased, "r"));
  const Task before = Get(1);
  EXPECT_EQ(Complete(Succeeded(leased, "r")), ResultStatus::kRecorded);
  EXPECT_EQ(Complete(Succeeded(leased, "other")), ResultStatus::kStale);
  EXPECT_EQ(Complete(Failed(leased)), ResultStatus::kStale);
  EXPECT_EQ(Get(1), before);
}

TEST_P(StaleResults, TheSameFailureAgainIsRecordedAgainWhileTheTaskWaitsOrRunsOrIsOver) {
  Submit(WithAttempts(2));
  const LeasedTask first = ClaimOne();
  Complete(Failed(first));
  EXPECT_EQ(Complete(Failed(first)), ResultStatus::kRecorded);
  Pass(absl::Seconds(1));
  Advance();
  EXPECT_EQ(Complete(Failed(first)), ResultStatus::kRecorded);
  const LeasedTask second = ClaimOne();
  EXPECT_EQ(Complete(Failed(first)), ResultStatus::kRecorded);
  EXPECT_EQ(Complete(Failed(first, 9, "another error")), ResultStatus::kStale);
  EXPECT_EQ(Complete(Succeeded(first)), ResultStatus::kStale);
  EXPECT_EQ(State(1), TaskState::kRunning);
  Complete(Failed(second));
  const Task before = Get(1);
  EXPECT_EQ(Complete(Failed(first)), ResultStatus::kRecorded);
  EXPECT_EQ(Complete(Failed(second)), ResultStatus::kRecorded);
  EXPECT_EQ(Complete(Succeeded(second)), ResultStatus::kStale);
  EXPECT_EQ(Get(1), before);
}

TEST_P(StaleResults, AResultOfAnEarlierAttemptIsRefused) {
  Submit(Spec());
  const LeasedTask first = ClaimOne();
  Pass(kLease);
  Advance();
  ClaimOne();
  const Task before = Get(1);
  EXPECT_EQ(Complete(Succeeded(first, "late")), ResultStatus::kStale);
  EXPECT_THAT(effects.batches, IsEmpty());
  EXPECT_EQ(Complete(Released(first)), ResultStatus::kStale);
  EXPECT_EQ(Complete(Failed(first)), ResultStatus::kStale);
  EXPECT_EQ(Get(1), before);
}

TEST_P(StaleResults, AResultAfterItsLeaseRanOutIsTakenIfNobodyElseBegan) {
  Submit({Spec(), Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(3);
  Pass(kLease + absl::Hours(1));
  // Before anybody noticed, and after.
  EXPECT_EQ(Complete(Succeeded(leased[0])), ResultStatus::kRecorded);
  EXPECT_EQ(Advance().expired_leases, 2);
  EXPECT_EQ(Complete(Succeeded(leased[1], "r")), ResultStatus::kRecorded);
  EXPECT_EQ(State(2), TaskState::kSucceeded);
  ASSERT_THAT(Get(2).attempts, SizeIs(1));
  EXPECT_EQ(Get(2).attempts[0].outcome, AttemptOutcome::kSucceeded);
  EXPECT_EQ(Complete(Failed(leased[2])), ResultStatus::kRecorded);
  ASSERT_THAT(Get(3).attempts, SizeIs(1));
  EXPECT_EQ(Get(3).attempts[0].outcome, AttemptOutcome::kFailed);
  EXPECT_EQ(State(3), TaskState::kScheduled);
}

TEST_P(StaleResults, AReleaseAfterItsLeaseRanOutGivesTheAttemptBack) {
  Submit(WithAttempts(2));
  const LeasedTask leased = ClaimOne();
  Pass(kLease);
  Advance();
  EXPECT_EQ(Complete(Released(leased)), ResultStatus::kRecorded);
  EXPECT_EQ(Get(1).core.attempt, 0);
  EXPECT_THAT(Get(1).attempts, IsEmpty());
  EXPECT_EQ(Complete(Released(leased)), ResultStatus::kStale);
}

TEST_P(StaleResults, AResultAfterTheLastLeaseRanOutIsTooLate) {
  Submit(WithAttempts(1));
  const LeasedTask leased = ClaimOne();
  Pass(kLease);
  Advance();
  EXPECT_EQ(State(1), TaskState::kFailed);
  EXPECT_EQ(Complete(Succeeded(leased)), ResultStatus::kStale);
  EXPECT_EQ(State(1), TaskState::kFailed);
}

TEST_P(StaleResults, ATaskThatWasNeverTakenTakesNone) {
  Submit(Spec());
  TaskResult invented;
  invented.task_id = 1;
  EXPECT_EQ(Complete(invented), ResultStatus::kStale);
  EXPECT_EQ(State(1), TaskState::kReady);
}

// --- Renew
// ------------------------------------------------------------------------------------------------

TEST_P(Leases, ARenewalMakesALeaseLastLonger) {
  Submit(Spec());
  const LeasedTask leased = ClaimOne();
  Pass(absl::Seconds(20));
  EXPECT_THAT(Renew({LeaseOf(leased)}), IsEmpty());
  EXPECT_EQ(Get(1).core.lease_until, now() + kLease);
  EXPECT_EQ(NextDue(), now() + kLease);
  Pass(absl::Seconds(20));
  EXPECT_EQ(Advance().expired_leases, 0);
}

TEST_P(Leases, ARenewalNeverMakesALeaseShorter) {
  Submit(Spec());
  const LeasedTask leased = ClaimOne();
  const absl::Time until = now() + absl::Hours(1);
  const std::unique_ptr<Store::Transaction> tx = store().Begin();
  ASSERT_TRUE(tx->ExtendLeases(until).ok());
  ASSERT_TRUE(tx->Renew(now(), kLease, {LeaseOf(leased)}).ok());
  ASSERT_TRUE(tx->ExtendLeases(now()).ok());
  ASSERT_TRUE(tx->Commit().ok());
  EXPECT_EQ(Get(1).core.lease_until, until);
}

TEST_P(Leases, ARenewalSaysWhatMustStop) {
  Submit({Spec(), Spec(), Spec(), WithAttempts(5)});
  const std::vector<LeasedTask> leased = Claim(4);
  Complete(Succeeded(leased[1]));
  Cancel({3});
  Complete(Released(leased[3]));
  ClaimOne();
  Pass(absl::Seconds(1));
  const std::vector<Stop> stops = Renew({LeaseOf(leased[3]),
                                         LeaseOf(leased[2]),
                                         {99, 1},
                                         LeaseOf(leased[0]),
                                         LeaseOf(leased[1]),
                                         {1, 0}});
  EXPECT_THAT(stops, ElementsAre(Stop{4, leased[3].lease_id, StopReason::kLost},
                                 Stop{3, leased[2].lease_id, StopReason::kCancelled},
                                 Stop{99, 1, StopReason::kLost},
                                 Stop{2, leased[1].lease_id, StopReason::kLost},
                                 Stop{1, 0, StopReason::kLost}));
  // A worker that is stopping a task keeps its lease until it has.
  EXPECT_EQ(Get(3).core.lease_until, now() + kLease);
  EXPECT_EQ(Get(1).core.lease_until, now() + kLease);
}

TEST_P(Leases, ALeaseThatRanOutIsLostOnceThatWasNoticed) {
  Submit({Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(2);
  Pass(kLease);
  EXPECT_THAT(Renew({LeaseOf(leased[0])}), IsEmpty());
  EXPECT_EQ(Advance().expired_leases, 1);
  EXPECT_THAT(Renew({LeaseOf(leased[0]), LeaseOf(leased[1])}),
              ElementsAre(Stop{2, leased[1].lease_id, StopReason::kLost}));
}

TEST_P(Leases, SurviveARestartAndCanBeExtendedThen) {
  Submit({Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(2);
  Reopen();
  Pass(absl::Hours(1));
  const std::unique_ptr<Store::Transaction> tx = store().Begin();
  ASSERT_TRUE(tx->ExtendLeases(now() + kLease).ok());
  ASSERT_TRUE(tx->Commit().ok());
  EXPECT_EQ(Advance().expired_leases, 0);
  EXPECT_EQ(Get(1).core.lease_until, now() + kLease);
  EXPECT_EQ(Complete(Succeeded(leased[0])), ResultStatus::kRecorded);
}

}  // namespace
}  // namespace tarea
