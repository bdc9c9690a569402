#include "tests/history/checker.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/history/history.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Op = HistoryEvent::Op;
using Phase = HistoryEvent::Phase;

HistoryItem Submitted(TaskId task, uint64_t payload) {
  return {.task = task, .max_attempts = 3, .payload = payload};
}

HistoryItem Keyed(TaskId task, uint64_t payload, const std::string& key) {
  HistoryItem item = Submitted(task, payload);
  item.key = key;
  return item;
}

HistoryItem Dependent(TaskId task, uint64_t payload, TaskId parent) {
  HistoryItem item = Submitted(task, payload);
  item.depends_on = {parent};
  return item;
}

HistoryItem Claimed(TaskId task, LeaseId lease, int attempt, uint64_t payload = 0) {
  return {.task = task, .lease = lease, .attempt = attempt, .max_attempts = 3, .payload = payload};
}

HistoryItem Reported(TaskId task, LeaseId lease, ResultStatus status, uint64_t result,
                     ResultOutcome outcome = ResultOutcome::kSucceeded) {
  return {.task = task, .lease = lease, .outcome = outcome, .status = status, .result = result};
}

HistoryItem Told(TaskId task, TaskState state, uint64_t result = 0) {
  return {.task = task, .max_attempts = 3, .state = state, .result = result};
}

HistoryItem Stored(TaskId task, uint64_t payload, TaskState state, uint64_t result = 0) {
  return {.task = task,
          .attempt = 1,
          .max_attempts = 3,
          .state = state,
          .payload = payload,
          .result = result};
}

// Writes histories: one clock tick per event.
class History : public testing::Test {
 protected:
  int64_t Invoke(Op op, std::vector<HistoryItem> items = {}, const std::string& request_id = "") {
    Write(op, Phase::kInvoke, ++calls_, std::move(items), request_id, 0);
    return calls_;
  }
  void Answer(int64_t call, Op op, Phase phase, std::vector<HistoryItem> items = {},
              BatchId batch = 0) {
    Write(op, phase, call, std::move(items), "", batch);
  }

  // Whole calls, nothing between their two ends.
  void Submit(const std::vector<HistoryItem>& items, const std::string& request_id = "",
              BatchId batch = 1) {
    Answer(Invoke(Op::kSubmit, items, request_id), Op::kSubmit, Phase::kOk, items, batch);
  }
  void Claim(const HistoryItem& item) {
    Answer(Invoke(Op::kClaim), Op::kClaim, Phase::kOk, {item});
  }
  void Report(const HistoryItem& item) {
    Answer(Invoke(Op::kResult, {item}), Op::kResult, Phase::kOk, {item});
  }
  void Read(const HistoryItem& item) {
    Answer(Invoke(Op::kRead, {item}), Op::kRead, Phase::kOk, {item});
  }
  void Ask(Op op, TaskId task) { Answer(Invoke(op, {{.task = task}}), op, Phase::kOk); }
  void Fault(const std::string& detail) {
    HistoryEvent event{.micros = ++now_, .process = "harness", .detail = detail};
    checker_.Add(event);
  }
  // One attempt at a worker that writes down only when its tasks begin and end.
  void Run(TaskId task, ResultOutcome outcome = ResultOutcome::kSucceeded) {
    const HistoryItem item{.task = task, .attempt = 1, .outcome = outcome};
    Answer(Invoke(Op::kRun, {item}), Op::kRun, Phase::kOk, {item});
  }

  // The life of a task that nothing happens to.
  void Live(TaskId task, uint64_t payload, LeaseId lease, uint64_t result) {
    Submit({Submitted(task, payload)});
    Claim(Claimed(task, lease, 1, payload));
    Report(Reported(task, lease, ResultStatus::kRecorded, result));
  }

  std::vector<std::string> Finish(const std::vector<HistoryItem>& stored = {}) {
    return Finish(checker_, stored);
  }
  static std::vector<std::string> Finish(HistoryChecker& checker,
                                         const std::vector<HistoryItem>& stored) {
    for (const HistoryItem& item : stored) checker.AddStored(item);
    return checker.Finish();
  }
  int64_t Count(const std::string& what) const {
    const auto found = checker_.counts().find(what);
    return found == checker_.counts().end() ? -1 : found->second;
  }

  HistoryChecker checker_;

 private:
  void Write(Op op, Phase phase, int64_t call, std::vector<HistoryItem> items,
             const std::string& request_id, BatchId batch) {
    HistoryEvent event{.micros = ++now_,
                       .process = "p",
                       .call = call,
                       .op = op,
                       .phase = phase,
                       .request_id = request_id,
                       .batch = batch,
                       .items = std::move(items)};
    checker_.Add(event);
  }

  int64_t now_ = 0;
  int64_t calls_ = 0;
};

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
                     .op = Op::kSubmit,
                     .phase = Phase::kInvoke,
                     .items = {Submitted(1, 11), Submitted(2, 12)}};
  checker.Add(event);
  event.phase = Phase::kOk;
  checker.Add(event);
  event = {.micros = 2, .process = "p", .call = 2, .op = Op::kRead, .phase = Phase::kInvoke};
  checker.Add(event);
  event.phase = Phase::kOk;
  event.items = {Told(1, TaskState::kFailed)};
  checker.Add(event);
  EXPECT_THAT(checker.Finish(), ElementsAre(HasSubstr("task 2 of request ''")));
}

}  // namespace
}  // namespace tarea
