// What workers are given and report.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/history/checker_fixture.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// --- Claims
// --------------------------------------------------------------------------------------------------

TEST_F(History, ALeaseThatIsGivenOutTwiceIsFound) {
  Submit({Submitted(1, 11), Submitted(2, 12)});
  Claim(Claimed(1, 101, 1));
  Claim(Claimed(2, 101, 1));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled), Stored(2, 12, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("lease 101 of task 2 was given out before, then for task 1")));
}

TEST_F(History, AnAttemptThatIsLeftOutIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 2));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("handed out in attempt 2; the last one was 0")));
}

TEST_F(History, AnAttemptMayBeThatOfAClaimWhoseAnswerWasLost) {
  Submit({Submitted(1, 11)});
  Answer(Invoke(Op::kClaim), Op::kClaim, Phase::kUnknown);
  Claim(Claimed(1, 101, 2));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}), IsEmpty());
}

TEST_F(History, AnAttemptThatIsNotCountedIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Claim(Claimed(1, 102, 1));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("attempt 1 again, and nobody had given it back")));
}

TEST_F(History, AnAttemptMayComeAgainAfterItWasGivenBack) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kRecorded, 0, ResultOutcome::kReleased));
  Claim(Claimed(1, 102, 1));
  Claim(Claimed(1, 103, 1));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("attempt 1 again, and nobody had given it back")));
}

TEST_F(History, AnAttemptMayComeAgainAfterAPowerLoss) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Claim(Claimed(1, 102, 2));
  Fault("power loss: master");
  Claim(Claimed(1, 103, 1));
  // Neither is its lease lost to the one that nobody remembers.
  Report(Reported(1, 103, ResultStatus::kRecorded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}), IsEmpty());
}

TEST_F(History, AnIdMayBeThatOfAnotherTaskAfterAPowerLossIfNobodyHadAnAnswer) {
  Answer(Invoke(Op::kSubmit, {Submitted(0, 11)}, "a"), Op::kSubmit, Phase::kUnknown);
  Claim(Claimed(1, 101, 1, 11));
  Fault("power loss: master");
  Submit({Submitted(1, 12)});
  EXPECT_THAT(Finish({Stored(1, 12, TaskState::kCancelled)}), IsEmpty());
}

TEST_F(History, MoreAttemptsThanAllowedAreFound) {
  Submit({Submitted(1, 11)});
  for (int attempt = 1; attempt <= 3; ++attempt) Claim(Claimed(1, 100 + attempt, attempt));
  HistoryItem fourth = Claimed(1, 104, 4);
  fourth.max_attempts = 4;
  Claim(fourth);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is in attempt 4; it was submitted with 3 at most")));
}

TEST_F(History, MoreAttemptsAreGoodAfterARetryByHand) {
  Submit({Submitted(1, 11)});
  for (int attempt = 1; attempt <= 3; ++attempt) Claim(Claimed(1, 100 + attempt, attempt));
  Read(Told(1, TaskState::kFailed));
  Ask(Op::kRetry, 1);
  HistoryItem fourth = Claimed(1, 104, 4);
  fourth.max_attempts = 6;
  Claim(fourth);
  Report(Reported(1, 104, ResultStatus::kRecorded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}), IsEmpty());
}

TEST_F(History, ATaskThatIsHandedOutAfterItHasEndedIsFound) {
  Live(1, 11, 101, 91);
  Claim(Claimed(1, 102, 2));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("task 1 is handed out, though it had ended as SUCCEEDED")));
}

TEST_F(History, ACancelledTaskThatIsHandedOutIsFound) {
  Submit({Submitted(1, 11)});
  Ask(Op::kCancel, 1);
  Claim(Claimed(1, 101, 1));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("handed out, though its cancel was acknowledged before")));
}

// --- Results
// -------------------------------------------------------------------------------------------------

TEST_F(History, ARecordedSuccessThatIsNotStoredIsFound) {
  Live(1, 11, 101, 91);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kFailed)}),
              ElementsAre(HasSubstr("task 1 is FAILED; it had ended as SUCCEEDED")));
}

TEST_F(History, AnotherResultThanTheRecordedOneIsFound) {
  Live(1, 11, 101, 91);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 92)}),
              testing::Contains(HasSubstr("task 1 has result 92; it was 91")));
}

TEST_F(History, AResultThatNobodyReportedIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 92)}),
              ElementsAre(HasSubstr("has result 92, which no worker reported")));
}

TEST_F(History, AResultThatNoRunHadIsFound) {
  Submit({Submitted(1, 11)});
  HistoryItem run{.task = 1, .attempt = 1, .result = 91};
  Answer(Invoke(Op::kRun, {run}), Op::kRun, Phase::kOk, {run});
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 92)}),
              ElementsAre(HasSubstr("has result 92, which no worker reported")));
}

TEST_F(History, TwoRecordedSuccessesAreFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kRecorded, 91));
  Report(Reported(1, 101, ResultStatus::kRecorded, 92));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 92)}),
              ElementsAre(HasSubstr("the success of lease 101 with result 92 is recorded, and that "
                                    "of lease 101 with result 91 was before")));
}

TEST_F(History, TwoDifferentEndsOfALeaseAreFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kRecorded, 0, ResultOutcome::kFailed));
  Report(Reported(1, 101, ResultStatus::kRecorded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("two different ends of lease 101 are recorded")));
}

TEST_F(History, AResultOfALeaseThatWasOvertakenIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Claim(Claimed(1, 102, 2));
  Report(Reported(1, 101, ResultStatus::kRecorded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("the success of lease 101 is recorded, though lease 102 came "
                                    "after it")));
}

TEST_F(History, AStaleResultThatChangedSomethingIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kStale, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("result 91, which was answered to be stale or refused")));
}

TEST_F(History, ARefusedResultThatChangedSomethingIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Answer(Invoke(Op::kResult, {Reported(1, 101, {}, 91)}), Op::kResult, Phase::kRefused);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("result 91, which was answered to be stale or refused")));
}

TEST_F(History, AnAcknowledgedTaskThatIsUnknownToItsWorkersMasterIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kUnknown, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is answered not to exist")));
}

TEST_F(History, ASuccessAfterAnotherEndIsFound) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Read(Told(1, TaskState::kCancelled));
  Report(Reported(1, 101, ResultStatus::kRecorded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("a success is recorded; it had ended as CANCELLED")));
}

}  // namespace
}  // namespace tarea
