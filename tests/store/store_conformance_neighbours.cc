// Claims about tasks that were submitted, claimed or finished together. A store may keep what they
// have in common only once; what happens to one of them happens to that one alone all the same.

#include "tests/store/store_conformance.h"

namespace tarea {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Field;

TAREA_STORE_SUITE(Neighbours);

// In one transaction. Each must be recorded.
void CompleteTogether(Store& store, absl::Time now, const std::vector<TaskResult>& results) {
  const std::unique_ptr<Store::Transaction> tx = store.Begin();
  const auto statuses = tx->Complete(now, results);
  ASSERT_TRUE(statuses.ok()) << statuses.status();
  EXPECT_THAT(*statuses, Each(ResultStatus::kRecorded));
  ASSERT_TRUE(tx->Commit().ok());
}

std::vector<TaskId> Finished(Store& store, BatchId batch) {
  std::vector<TaskId> ids;
  const auto page = store.ListFinished(batch, 0, 100, false);
  EXPECT_TRUE(page.ok()) << page.status();
  if (!page.ok()) return ids;
  for (const Task& task : page->tasks) ids.push_back(task.core.id);
  return ids;
}

// --- Ready
// ------------------------------------------------------------------------------------------------

TEST_P(Neighbours, ACancelLeavesThoseBeforeAndAfterIt) {
  Submit(std::vector<TaskSpec>(5, Spec()));
  Cancel({3});
  Cancel({1});
  EXPECT_THAT(ClaimIds(5), ElementsAre(2, 4, 5));
}

TEST_P(Neighbours, AClaimLeavesWhatLiesBetweenItsTasks) {
  Submit({Spec(), OfType("t", "other"), Spec(), OfType("u"), Spec()});
  ClaimRequest request;
  request.worker = "w1";
  request.queues = {"default"};
  request.types = {"t"};
  request.max_tasks = 5;
  EXPECT_THAT(Claim(request),
              ElementsAre(Field(&LeasedTask::task_id, 1), Field(&LeasedTask::task_id, 3),
                          Field(&LeasedTask::task_id, 5)));
  EXPECT_EQ(State(2), TaskState::kReady);
  EXPECT_EQ(State(4), TaskState::kReady);
}

TEST_P(Neighbours, AreClaimedOnceEachThoughNoTwoAreAlike) {
  std::vector<TaskSpec> tasks;
  std::vector<TaskId> ids;
  for (int i = 1; i <= 30; ++i) {
    tasks.push_back(WithPriority(-i));
    ids.push_back(i);
  }
  Submit(tasks);
  EXPECT_EQ(ClaimIds(100), ids);
}

// --- Running
// ------------------------------------------------------------------------------------------------

TEST_P(Neighbours, OneThatFailedDoesNotRunWithTheOthers) {
  TaskSpec at_once = Spec();
  at_once.retry.initial_backoff = absl::ZeroDuration();
  Submit({at_once, at_once});
  const std::vector<LeasedTask> leased = Claim(2);
  Complete(Failed(leased[0]));
  EXPECT_EQ(State(1), TaskState::kReady);
  Reopen();
  EXPECT_EQ(State(1), TaskState::kReady);
  EXPECT_EQ(State(2), TaskState::kRunning);
  EXPECT_THAT(ClaimIds(2), ElementsAre(1));
  EXPECT_EQ(Complete(Succeeded(leased[1])), ResultStatus::kRecorded);
}

TEST_P(Neighbours, OneThatSucceededDoesNotRunWithTheOthers) {
  TaskSpec at_once = Spec();
  at_once.retry.initial_backoff = absl::ZeroDuration();
  Submit({Spec(), at_once, Spec()});
  const std::vector<LeasedTask> leased = Claim(3);
  Complete(Failed(leased[1]));
  Submit(Spec());
  const std::vector<LeasedTask> again = Claim(2);
  ASSERT_EQ(again[0].attempt, 2);
  CompleteTogether(store(), now(), {Succeeded(leased[0]), Succeeded(again[0])});
  EXPECT_EQ(State(1), TaskState::kSucceeded);
  EXPECT_EQ(State(2), TaskState::kSucceeded);
  Reopen();
  Pass(kLease);
  EXPECT_EQ(Advance().expired_leases, 2);
  EXPECT_EQ(State(1), TaskState::kSucceeded);
  EXPECT_EQ(State(2), TaskState::kSucceeded);
}

TEST_P(Neighbours, ARenewalOfOneLeavesTheLeasesOfTheOthers) {
  Submit({Spec(), Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(3);
  const absl::Time until = now() + kLease;
  Pass(absl::Seconds(20));
  Renew({LeaseOf(leased[1])});
  Reopen();
  EXPECT_EQ(Get(1).core.lease_until, until);
  EXPECT_EQ(Get(2).core.lease_until, now() + kLease);
  EXPECT_EQ(Get(3).core.lease_until, until);
  Pass(absl::Seconds(10));
  EXPECT_EQ(Advance().expired_leases, 2);
  EXPECT_EQ(State(2), TaskState::kRunning);
}

TEST_P(Neighbours, OneThatIsRenewedDoesNotRunOutInTheSameTransaction) {
  Submit({Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(2);
  Pass(kLease);
  const std::unique_ptr<Store::Transaction> tx = store().Begin();
  ASSERT_TRUE(tx->Renew(now(), kLease, {LeaseOf(leased[0])}).ok());
  EXPECT_EQ(tx->Advance(now(), 100)->expired_leases, 1);
  ASSERT_TRUE(tx->Commit().ok());
  EXPECT_EQ(State(1), TaskState::kRunning);
  EXPECT_EQ(State(2), TaskState::kReady);
}

TEST_P(Neighbours, ClaimsOfBeforeAndAfterARestartStayApart) {
  Submit({Spec(), Spec()});
  ClaimRequest request;
  request.queues = {"default"};
  request.worker = "before";
  Claim(request);
  const absl::Time until = now() + kLease;
  Reopen();
  Pass(absl::Seconds(1));
  request.worker = "after";
  Claim(request);
  EXPECT_EQ(Get(1).core.worker, "before");
  EXPECT_EQ(Get(1).core.lease_until, until);
  EXPECT_EQ(Get(2).core.worker, "after");
  EXPECT_EQ(Get(2).core.lease_until, now() + kLease);
}

// --- Finished
// ------------------------------------------------------------------------------------------------

TEST_P(Neighbours, EachKeepsItsLease) {
  Submit({WithPriority(0), WithPriority(1)});
  const std::vector<LeasedTask> leased = Claim(2);  // the second one first
  ASSERT_EQ(leased[1].task_id, 1);
  CompleteTogether(store(), now(), {Succeeded(leased[1]), Succeeded(leased[0])});
  EXPECT_EQ(Get(1).core.lease_id, leased[1].lease_id);
  EXPECT_EQ(Get(2).core.lease_id, leased[0].lease_id);
  EXPECT_EQ(Complete(Succeeded(leased[0])), ResultStatus::kRecorded);
}

TEST_P(Neighbours, EachHasItsResult) {
  Submit({Spec(), Spec(), Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(4);
  CompleteTogether(store(), now(),
                   {Succeeded(leased[0]), Succeeded(leased[1], "one"), Succeeded(leased[2], "two"),
                    Succeeded(leased[3])});
  EXPECT_EQ(Get(1).result, "");
  EXPECT_EQ(Get(2).result, "one");
  EXPECT_EQ(Get(3).result, "two");
  EXPECT_EQ(Get(4).result, "");
}

TEST_P(Neighbours, EachHasItsPlaceAmongTheFinished) {
  Submit({Spec(), Spec(), WithAttempts(1)});
  const std::vector<LeasedTask> leased = Claim(3);
  CompleteTogether(store(), now(), {Succeeded(leased[0]), Failed(leased[2]), Succeeded(leased[1])});
  EXPECT_EQ(Get(2).core.finish_seq, 3);
  EXPECT_THAT(Finished(store(), 1), ElementsAre(1, 3, 2));
}

TEST_P(Neighbours, ASuccessThatIsSentTwiceInOneCallCountsOnce) {
  Submit({Spec(), Spec()});
  const std::vector<LeasedTask> leased = Claim(2);
  CompleteTogether(store(), now(), {Succeeded(leased[0]), Succeeded(leased[0])});
  EXPECT_EQ(GetBatch(1).counts[TaskState::kSucceeded], 1);
  EXPECT_EQ(State(2), TaskState::kRunning);
}

TEST_P(Neighbours, OneThatWasRetriedIsFinishedOnce) {
  Submit({WithAttempts(1), WithAttempts(1)});
  const std::vector<LeasedTask> leased = Claim(2);
  CompleteTogether(store(), now(), {Failed(leased[0]), Failed(leased[1])});
  Retry({1});
  EXPECT_THAT(Finished(store(), 1), ElementsAre(2));
  Succeed();
  EXPECT_THAT(Finished(store(), 1), ElementsAre(2, 1));
}

}  // namespace
}  // namespace tarea
