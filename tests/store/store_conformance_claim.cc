// Claims about Claim.

#include "tests/store/store_conformance.h"

namespace tarea {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TAREA_STORE_SUITE(Claiming);

ClaimRequest From(const std::vector<std::string>& queues, const std::vector<std::string>& types,
                  int max_tasks = 100) {
  ClaimRequest request;
  request.worker = "w1";
  request.queues = queues;
  request.types = types;
  request.max_tasks = max_tasks;
  return request;
}

std::vector<TaskId> Ids(const std::vector<LeasedTask>& leased) {
  std::vector<TaskId> ids;
  for (const LeasedTask& task : leased) ids.push_back(task.task_id);
  return ids;
}

TEST_P(Claiming, HigherPriorityFirstThenSubmissionOrder) {
  Submit({WithPriority(0), WithPriority(5), WithPriority(-5), WithPriority(5), WithPriority(0)});
  EXPECT_THAT(ClaimIds(3), ElementsAre(2, 4, 1));
  EXPECT_THAT(ClaimIds(3), ElementsAre(5, 3));
}

TEST_P(Claiming, EarlierReadyFirstAmongEqualPriorities) {
  Submit(WithDelay(absl::Seconds(2)));
  Submit(WithDelay(absl::Seconds(1)));
  Pass(absl::Milliseconds(1500));
  Submit(Spec());
  Pass(absl::Seconds(5));
  Advance();
  EXPECT_THAT(ClaimIds(3), ElementsAre(2, 3, 1));
}

TEST_P(Claiming, ARetriedTaskGoesBehindThoseThatWereReadyBeforeIt) {
  TaskSpec at_once = Spec();
  at_once.retry.initial_backoff = absl::ZeroDuration();
  Submit({at_once, Spec(), Spec()});
  Pass(absl::Seconds(1));
  const std::vector<LeasedTask> leased = Claim(2);
  Complete(Failed(leased[0]));  // is ready now
  Complete(Failed(leased[1]));  // is ready after its back-off
  Pass(absl::Milliseconds(500));
  Submit(Spec());
  Pass(absl::Seconds(5));
  Advance();
  EXPECT_THAT(ClaimIds(4), ElementsAre(3, 1, 4, 2));
}

TEST_P(Claiming, OrderHoldsAcrossQueuesAndTypes) {
  TaskSpec urgent = OfType("b", "q2");
  urgent.priority = 1;
  Submit({OfType("a", "q1"), OfType("b", "q1"), OfType("a", "q2"), urgent});
  EXPECT_THAT(Ids(Claim(From({"q2", "q1"}, {}, 3))), ElementsAre(4, 1, 2));
  EXPECT_THAT(Ids(Claim(From({"q2", "q1"}, {"b", "a"}))), ElementsAre(3));
}

TEST_P(Claiming, SharesGoBeforePriorityAndTheRestByPriority) {
  TaskSpec urgent = OfType("a", "q2");
  urgent.priority = 1;
  Submit({OfType("a", "q1"), OfType("b", "q1"), OfType("a", "q1"), urgent, urgent});
  ClaimRequest request = From({"q1", "q2"}, {}, 3);
  request.shares = {{"q1", 1}};
  EXPECT_THAT(Ids(Claim(request)), ElementsAre(1, 4, 5));
}

TEST_P(Claiming, SharesAreFilledInTheirOrderUpToMaxTasks) {
  Submit({OfType("a", "q1"), OfType("a", "q1"), OfType("a", "q2"), OfType("a", "q2")});
  ClaimRequest request = From({"q1", "q2"}, {}, 3);
  request.shares = {{"q2", 1}, {"q1", 5}};
  EXPECT_THAT(Ids(Claim(request)), ElementsAre(3, 1, 2));
}

TEST_P(Claiming, AShareTakesByPriorityWithinItsQueue) {
  TaskSpec urgent = OfType("b", "q");
  urgent.priority = 1;
  Submit({OfType("a", "q"), urgent, OfType("a", "other")});
  ClaimRequest request = From({"other", "q"}, {}, 2);
  request.shares = {{"q", 1}};
  EXPECT_THAT(Ids(Claim(request)), ElementsAre(2, 1));
}

TEST_P(Claiming, WhatAShareCannotFillComesFromTheOtherQueues) {
  Submit({OfType("a", "q1"), OfType("a", "q2"), OfType("a", "q1"), OfType("b", "q2")});
  ClaimRequest request = From({"q1", "q2", "empty"}, {"a"}, 4);
  request.shares = {{"empty", 2}, {"q2", 2}};
  EXPECT_THAT(Ids(Claim(request)), ElementsAre(2, 1, 3));
}

TEST_P(Claiming, MaxBytesHoldsOverSharesAndRestTogether) {
  TaskSpec large = OfType("a", "q1");
  large.payload = std::string(600, 'x');
  TaskSpec other = large;
  other.queue = "q2";
  Submit({large, large, other, other});
  ClaimRequest request = From({"q1", "q2"}, {});
  request.shares = {{"q2", 1}};
  request.max_bytes = 1000;
  EXPECT_THAT(Ids(Claim(request)), ElementsAre(3, 1));
}

TEST_P(Claiming, TakesOnlyFromItsQueuesAndTypes) {
  Submit({OfType("a", "q1"), OfType("b", "q1"), OfType("a", "q2"), OfType("a", "q")});
  EXPECT_THAT(Ids(Claim(From({"q1"}, {"a", "none"}))), ElementsAre(1));
  EXPECT_THAT(Ids(Claim(From({"no such queue"}, {}))), IsEmpty());
  EXPECT_THAT(Ids(Claim(From({"q2", "q1"}, {}))), ElementsAre(2, 3));
}

TEST_P(Claiming, NamingAQueueOrTypeTwiceDoesNotMatter) {
  Submit({OfType("a", "q"), OfType("b", "q")});
  EXPECT_THAT(Ids(Claim(From({"q", "q"}, {"b", "b", "a"}))), ElementsAre(1, 2));
}

TEST_P(Claiming, AnswersUpToMaxTasksAndNoneTwice) {
  Submit({Spec(), Spec(), Spec()});
  EXPECT_THAT(ClaimIds(2), ElementsAre(1, 2));
  EXPECT_THAT(ClaimIds(2), ElementsAre(3));
  EXPECT_THAT(ClaimIds(2), IsEmpty());
}

TEST_P(Claiming, TakesNoMoreOncePayloadsComeToMaxBytesButAlwaysOne) {
  TaskSpec large = Spec();
  large.payload = std::string(600, 'x');
  Submit(std::vector<TaskSpec>(5, large));
  ClaimRequest request;
  request.worker = "w";
  request.queues = {"default"};
  request.max_tasks = 5;
  request.max_bytes = 1000;
  EXPECT_EQ(Claim(request).size(), 2);
  request.max_bytes = 1;
  EXPECT_EQ(Claim(request).size(), 1);
  request.max_bytes = 1'000'000;
  EXPECT_EQ(Claim(request).size(), 2);
}

TEST_P(Claiming, HandsOutAllThatAWorkerNeeds) {
  TaskSpec spec = OfType("resize", "images");
  spec.payload = std::string("\0\xff", 2);
  spec.timeout = absl::Minutes(1);
  spec.labels = {{"a", "b"}};
  spec.retry.max_attempts = 4;
  const TaskId id = Submit(spec);
  const LeasedTask leased = ClaimOne("images");
  EXPECT_EQ(leased.task_id, id);
  EXPECT_EQ(leased.batch_id, 1);
  EXPECT_EQ(leased.attempt, 1);
  EXPECT_EQ(leased.max_attempts, 4);
  EXPECT_EQ(leased.type, "resize");
  EXPECT_EQ(leased.queue, "images");
  EXPECT_EQ(leased.payload, spec.payload);
  EXPECT_EQ(leased.timeout, absl::Minutes(1));
  EXPECT_EQ(leased.labels, spec.labels);
}

TEST_P(Claiming, TheTaskIsRunningUntilItsLeaseEnds) {
  const TaskId id = Submit(Spec());
  Pass(absl::Seconds(1));
  const LeasedTask leased = ClaimOne();
  const Task task = Get(id);
  EXPECT_EQ(task.core.state, TaskState::kRunning);
  EXPECT_EQ(task.core.attempt, 1);
  EXPECT_EQ(task.core.lease_id, leased.lease_id);
  EXPECT_EQ(task.core.worker, "w1");
  EXPECT_EQ(task.core.started_at, now());
  EXPECT_EQ(task.core.lease_until, now() + kLease);
  ASSERT_THAT(task.attempts, SizeIs(1));
  EXPECT_EQ(task.attempts[0].outcome, AttemptOutcome::kRunning);
  EXPECT_EQ(task.attempts[0].worker, "w1");
  EXPECT_EQ(effects.next_due, now() + kLease);
  EXPECT_EQ(NextDue(), now() + kLease);
  EXPECT_THAT(effects.batches, ElementsAre(1));
  EXPECT_THAT(effects.ready, IsEmpty());
}

TEST_P(Claiming, LeaseIdsCountUpInOrderWithinAnEpoch) {
  Submit({Spec(), Spec(), Spec()});
  std::vector<LeasedTask> leased = Claim(2);
  ASSERT_THAT(leased, SizeIs(2));
  const LeaseId epoch = LeaseId{1} << 40;
  EXPECT_EQ(leased[0].lease_id, epoch + 1);
  EXPECT_EQ(leased[1].lease_id, epoch + 2);
  Reopen();
  EXPECT_EQ(ClaimOne().lease_id, 2 * epoch + 1);
}

TEST_P(Claiming, ALeaseOfADroppedTransactionIsNeverGivenOutAgain) {
  Submit(Spec());
  LeaseId dropped = 0;
  {
    const std::unique_ptr<Store::Transaction> tx = store().Begin();
    const auto leased = tx->Claim(now(), kLease, From({"default"}, {}));
    ASSERT_TRUE(leased.ok()) << leased.status();
    ASSERT_THAT(*leased, SizeIs(1));
    dropped = leased->front().lease_id;
  }
  EXPECT_EQ(State(1), TaskState::kReady);
  EXPECT_GT(ClaimOne().lease_id, dropped);
}

TEST_P(Claiming, APausedQueueGivesNothing) {
  Submit({OfType("t", "q1"), OfType("t", "q2")});
  SetPaused("q1", true);
  EXPECT_THAT(Ids(Claim(From({"q1", "q2"}, {}))), ElementsAre(2));
  Reopen();
  EXPECT_THAT(Ids(Claim(From({"q1"}, {"t"}))), IsEmpty());
  SetPaused("q1", false);
  EXPECT_THAT(effects.ready, UnorderedElementsAre(Pair(Pair("q1", "t"), 1)));
  EXPECT_THAT(Ids(Claim(From({"q1"}, {}))), ElementsAre(1));
}

TEST_P(Claiming, SkipsATaskThatDidNotStartInTime) {
  Submit({ExpiringIn(absl::Seconds(1)), Spec()});
  Pass(absl::Seconds(1));
  EXPECT_THAT(ClaimIds(1), ElementsAre(2));
  EXPECT_EQ(State(1), TaskState::kReady);
}

TEST_P(Claiming, TakesATaskThatIsStartedAgainAfterItsTimeToStart) {
  Submit(ExpiringIn(absl::Seconds(1)));
  Complete(Failed(ClaimOne()));
  Pass(absl::Seconds(10));
  Advance();
  EXPECT_THAT(ClaimIds(1), ElementsAre(1));
}

}  // namespace
}  // namespace tarea
