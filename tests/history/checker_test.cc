#include "tests/history/checker.h"

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

// --- What is good, and counted
// -------------------------------------------------------------------------------

TEST_F(History, OfATaskThatSucceedsIsGood) {
  Live(1, 11, 101, 91);
  Read(Told(1, TaskState::kSucceeded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}), IsEmpty());
  EXPECT_EQ(Count("acknowledged submissions"), 1);
  EXPECT_EQ(Count("claims"), 1);
  EXPECT_EQ(Count("recorded results"), 1);
  EXPECT_EQ(Count("reads"), 1);
  EXPECT_EQ(Count("tasks SUCCEEDED"), 1);
  EXPECT_EQ(Count("re-leases"), 0);
  EXPECT_EQ(Count("unknown outcomes"), 0);
}

TEST_F(History, OfATaskThatIsLostAndDoneByAnotherIsGood) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Fault("kill worker: w1");
  Claim(Claimed(1, 102, 2));
  Report(Reported(1, 101, ResultStatus::kStale, 90));
  Report(Reported(1, 102, ResultStatus::kRecorded, 91));
  Report(Reported(1, 102, ResultStatus::kRecorded, 91));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}), IsEmpty());
  EXPECT_EQ(Count("fault: kill worker"), 1);
  EXPECT_EQ(Count("re-leases"), 1);
  EXPECT_EQ(Count("stale results"), 1);
  EXPECT_EQ(Count("recorded results"), 2);
  EXPECT_EQ(Count("repeated results"), 1);
}

TEST_F(History, OfCallsThatHaveNoAnswerIsGoodWhateverTheyDid) {
  const int64_t stored = Invoke(Op::kSubmit, {Submitted(0, 11)}, "a");
  Answer(stored, Op::kSubmit, Phase::kUnknown);
  Answer(Invoke(Op::kSubmit, {Submitted(0, 12)}, "b"), Op::kSubmit, Phase::kUnknown);
  Invoke(Op::kSubmit, {Submitted(0, 13)}, "killed");
  Answer(Invoke(Op::kSubmit, {Submitted(0, 14)}, "c"), Op::kSubmit, Phase::kRefused);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}), IsEmpty());
  EXPECT_EQ(Count("unknown outcomes"), 3);
  EXPECT_EQ(Count("refused calls"), 1);
}

TEST_F(History, OfASubmissionThatIsRepeatedAfterAnUnknownOutcomeIsGood) {
  Answer(Invoke(Op::kSubmit, {Submitted(0, 11)}, "a"), Op::kSubmit, Phase::kUnknown);
  Submit({Submitted(1, 11)}, "a");
  Submit({Submitted(1, 11)}, "a");
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}), IsEmpty());
  EXPECT_EQ(Count("acknowledged submissions"), 1);
}

TEST_F(History, ThatContradictsItselfIsSaidToBeWrong) {
  Answer(1, Op::kRead, Phase::kOk);
  EXPECT_THAT(Finish(), ElementsAre(HasSubstr("the history itself is wrong")));
}

TEST_F(History, OfAnEndlessBreachIsCutAtAHundredSentences) {
  for (int i = 0; i < 200; ++i) Answer(1, Op::kRead, Phase::kOk);
  const std::vector<std::string> broken = Finish();
  EXPECT_EQ(broken.size(), 100);
  EXPECT_EQ(broken.back(), "and 101 more");
}

// --- Submissions
// ---------------------------------------------------------------------------------------------

TEST_F(History, AnAcknowledgedTaskThatIsNotStoredIsFound) {
  Submit({Submitted(1, 11), Submitted(2, 12)}, "a", 7);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre("at the end: task 2 of request 'a' (batch 7) was acknowledged and is not "
                          "stored"));
}

TEST_F(History, AnotherPayloadThanTheAcknowledgedOneIsFound) {
  Submit({Submitted(1, 11)});
  EXPECT_THAT(Finish({Stored(1, 99, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 has payload 99; it was submitted with 11")));
}

TEST_F(History, AStoredTaskThatNobodySubmittedIsFound) {
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("payload 11, which nobody submitted")));
}

TEST_F(History, ATaskThatIsHandedOutAndThatNobodySubmittedIsFound) {
  Claim(Claimed(1, 101, 1, 11));
  EXPECT_THAT(Finish(), ElementsAre(HasSubstr("payload 11, which nobody submitted")));
}

TEST_F(History, ATraceOfARefusedSubmissionIsFound) {
  Answer(Invoke(Op::kSubmit, {Submitted(0, 11)}, "a"), Op::kSubmit, Phase::kRefused);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("of a submission that was refused")));
}

TEST_F(History, ARequestIdThatIsTwoBatchesIsFound) {
  Submit({Submitted(1, 11)}, "a", 1);
  Submit({Submitted(2, 11)}, "a", 2);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("request id a was answered with batch 1 and is answered with "
                                    "batch 2, other tasks")));
}

TEST_F(History, ASubmissionThatIsStoredTwiceIsFoundThoughOnlyOneIsAcknowledged) {
  Answer(Invoke(Op::kSubmit, {Submitted(0, 11)}, "a"), Op::kSubmit, Phase::kUnknown);
  Submit({Submitted(2, 11)}, "a");
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled), Stored(2, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is stored with payload 11, though it was accepted as "
                                    "another task")));
}

TEST_F(History, ARequestIdThatIsAcceptedWithOtherTasksIsFound) {
  Submit({Submitted(1, 11)}, "a", 1);
  Submit({Submitted(2, 12)}, "a", 2);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled), Stored(2, 12, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("request id a was accepted with other tasks before")));
}

TEST_F(History, AnIdThatIsGivenToTwoTasksIsFound) {
  Submit({Submitted(1, 11)}, "a");
  Submit({Submitted(1, 12)}, "b");
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              testing::Contains(HasSubstr("task 1 was given to request 'b', and to request 'a'")));
}

TEST_F(History, AnUnknownSubmissionThatIsStoredInPartIsFound) {
  Answer(Invoke(Op::kSubmit, {Submitted(0, 11), Submitted(0, 12)}, "a"), Op::kSubmit,
         Phase::kUnknown);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("of request 'a' 1 tasks of 2 are stored")));
}

// --- Keys
// ----------------------------------------------------------------------------------------------------

TEST_F(History, OfAKeyThatIsFreeAgainIsGood) {
  Submit({Keyed(1, 11, "k")});
  HistoryItem taken = Keyed(1, 12, "k");
  taken.existing = true;
  Submit({taken});
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kRecorded, 91));
  Submit({Keyed(2, 13, "k")});
  EXPECT_THAT(
      Finish({Stored(1, 11, TaskState::kSucceeded, 91), Stored(2, 13, TaskState::kCancelled)}),
      IsEmpty());
}

TEST_F(History, TwoUnfinishedTasksOfOneKeyAreFound) {
  Submit({Keyed(1, 11, "k")});
  Submit({Keyed(2, 12, "k")});
  Read(Told(1, TaskState::kReady));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled), Stored(2, 12, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is READY; it had ended")));
}

TEST_F(History, AKeyOfATaskThatHasEndedIsFound) {
  Submit({Keyed(1, 11, "k")});
  Read(Told(1, TaskState::kFailed));
  HistoryItem taken = Keyed(1, 12, "k");
  taken.existing = true;
  Submit({taken});
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kFailed)}),
              ElementsAre(HasSubstr("key k is answered to be that of task 1, which had ended")));
}

// --- Reads
// ---------------------------------------------------------------------------------------------------

TEST_F(History, AnAcknowledgedTaskThatIsNotFoundIsFound) {
  Submit({Submitted(1, 11)});
  Answer(Invoke(Op::kRead, {{.task = 1}}), Op::kRead, Phase::kOk);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is not found, though it was acknowledged before")));
}

TEST_F(History, AReadThatBeganBeforeTheSubmissionWasAcknowledgedMayNotFindIt) {
  const int64_t read = Invoke(Op::kRead, {{.task = 1}});
  Submit({Submitted(1, 11)});
  Answer(read, Op::kRead, Phase::kOk);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}), IsEmpty());
}

TEST_F(History, AReadThatDoesNotSeeARecordedSuccessIsFound) {
  Live(1, 11, 101, 91);
  Read(Told(1, TaskState::kRunning));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              ElementsAre(HasSubstr("task 1 is RUNNING; it had ended as SUCCEEDED")));
}

TEST_F(History, AFinalStateThatChangesIsFound) {
  Submit({Submitted(1, 11)});
  Read(Told(1, TaskState::kFailed));
  Fault("kill master: SIGKILL");
  Read(Told(1, TaskState::kCancelled));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is CANCELLED; it had ended as FAILED")));
}

TEST_F(History, AReadThatBeganBeforeARetryMayTellWhatWasBeforeIt) {
  Submit({Submitted(1, 11)});
  Read(Told(1, TaskState::kFailed));
  const int64_t read = Invoke(Op::kRead);
  Ask(Op::kRetry, 1);
  Claim(Claimed(1, 101, 1));
  Report(Reported(1, 101, ResultStatus::kRecorded, 91));
  Answer(read, Op::kRead, Phase::kOk, {Told(1, TaskState::kFailed)});
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}), IsEmpty());
}

TEST_F(History, ATaskThatIsRetriedAfterItHasSucceededIsFound) {
  Live(1, 11, 101, 91);
  Ask(Op::kRetry, 1);
  Read(Told(1, TaskState::kReady));
  Claim(Claimed(1, 102, 2));
  Read(Told(1, TaskState::kFailed));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              testing::Contains(HasSubstr("task 1 is FAILED; it had ended as SUCCEEDED")));
}

TEST_F(History, AResultThatChangesIsFound) {
  Live(1, 11, 101, 91);
  Read(Told(1, TaskState::kSucceeded, 92));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded, 91)}),
              testing::Contains(HasSubstr("task 1 has result 92; it was 91")));
}

TEST_F(History, AReadThatDoesNotSeeACancelIsFound) {
  Submit({Submitted(1, 11)});
  Ask(Op::kCancel, 1);
  Read(Told(1, TaskState::kReady));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 is READY, though its cancel was acknowledged before")));
}

TEST_F(History, OfARunningTaskWhoseCancelIsOnItsWayIsGood) {
  Submit({Submitted(1, 11)});
  Claim(Claimed(1, 101, 1));
  Ask(Op::kCancel, 1);
  Read(Told(1, TaskState::kRunning));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled)}), IsEmpty());
}

TEST_F(History, APayloadThatChangesIsFound) {
  Submit({Submitted(1, 11), Submitted(2, 12)});
  HistoryItem told = Told(1, TaskState::kReady);
  told.payload = 12;
  Read(told);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled), Stored(2, 12, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("task 1 has payload 12; it was 11")));
}

// --- Dependencies, and the end
// -------------------------------------------------------------------------------

TEST_F(History, OfADependantThatStartsAfterItsParentIsGood) {
  Submit({Submitted(1, 11), Dependent(2, 12, 1)});
  Run(1);
  Run(2);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded), Stored(2, 12, TaskState::kSucceeded)}),
              IsEmpty());
  EXPECT_EQ(Count("runs"), 2);
}

TEST_F(History, ADependantThatStartsBeforeItsParentHasSucceededIsFound) {
  Submit({Submitted(1, 11), Dependent(2, 12, 1)});
  Run(1, ResultOutcome::kFailed);
  Run(2);
  Run(1);
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kSucceeded), Stored(2, 12, TaskState::kSucceeded)}),
              ElementsAre(HasSubstr("task 2 was started before task 1, on which it depends")));
}

TEST_F(History, ADependantThatStartsThoughItsParentNeverSucceedsIsFound) {
  Submit({Submitted(1, 11), Dependent(2, 12, 1)});
  Claim(Claimed(2, 101, 1));
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kFailed), Stored(2, 12, TaskState::kCancelled)}),
              ElementsAre(HasSubstr("had succeeded; it never did")));
}

TEST_F(History, ATaskThatIsNotFinalAtTheEndIsFound) {
  Submit({Submitted(1, 11), Submitted(2, 12)});
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kReady), Stored(2, 12, TaskState::kRunning)}),
              testing::UnorderedElementsAre("at the end: task 1 is READY",
                                            "at the end: task 2 is RUNNING"));
}

TEST_F(History, ATaskThatIsListedTwiceIsFound) {
  Submit({Submitted(1, 11)});
  EXPECT_THAT(Finish({Stored(1, 11, TaskState::kCancelled), Stored(1, 11, TaskState::kCancelled)}),
              ElementsAre("at the end: task 1 is listed twice"));
}

TEST(Forgetting, OnlyWhatWasToldToBeFinalMayBeForgotten) {
  HistoryChecker checker(HistoryChecker::Retention::kForgets);
  HistoryEvent event{.micros = 1,
                     .process = "p",
                     .call = 1,
                     .op = HistoryEvent::Op::kSubmit,
                     .phase = HistoryEvent::Phase::kInvoke,
                     .items = {Submitted(1, 11), Submitted(2, 12)}};
  checker.Add(event);
  event.phase = HistoryEvent::Phase::kOk;
  checker.Add(event);
  event = {.micros = 2,
           .process = "p",
           .call = 2,
           .op = HistoryEvent::Op::kRead,
           .phase = HistoryEvent::Phase::kInvoke};
  checker.Add(event);
  event.phase = HistoryEvent::Phase::kOk;
  event.items = {Told(1, TaskState::kFailed)};
  checker.Add(event);
  EXPECT_THAT(checker.Finish(), ElementsAre(HasSubstr("task 2 of request ''")));
}

}  // namespace
}  // namespace tarea
