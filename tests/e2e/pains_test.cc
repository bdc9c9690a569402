// What users of other systems of this kind have suffered from, one test or more for each report.
//
// Not here, because they are of later stages:
//   no TLS, no authentication (beanstalkd #41, #197, #319);
//   one server as a single point of failure (beanstalkd #84, #624, faktory #254, #368, #484).
// Loss of power, beyond what the master's calls of fdatasync show here, is tested at the store.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class Pains : public testing::Test {
 protected:
  Client& client() { return cluster_.client(); }
  std::string File(const std::string& name) const { return cluster_.path() + "/" + name; }

  Cluster cluster_;
};

// --- Leases
// --------------------------------------------------------------------------------------------

// "A task longer than the visibility timeout runs twice, three times, every hour again": celery
// #5306, #4400, pretix #2058.
TEST_F(Pains, ATaskOfTenLeasesLengthRunsOnceAlthoughAnotherWorkerIsIdle) {
  cluster_.StartMaster({"--lease", "1s"});
  cluster_.StartWorker("w1", {"--exec-shell", "--slots", "1"});
  cluster_.StartWorker("w2", {"--exec-shell", "--slots", "1"});
  const int64_t id = SubmitTask(client(), ShellTask("echo run >> runs; sleep 10", cluster_.path()));
  const v1::Task task = AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(task.attempts_size(), 1);
  EXPECT_EQ(ReadFile(File("runs")), "run\n");
}

// "Worker killed by the OOM killer acknowledged its task": celery #1628, #7924.
TEST_F(Pains, AKilledWorkerHasAcknowledgedNothing) {
  cluster_.StartMaster({"--lease", "1s"});
  Process& killed = cluster_.StartWorker("killed", {"--exec-shell"});
  const int64_t id = SubmitTask(
      client(), ShellTask("echo > started$TAREA_ATTEMPT; until [ $TAREA_ATTEMPT = 2 ]; do sleep "
                          "0.02; done; echo done",
                          cluster_.path()));
  AwaitLine(File("started1"));
  killed.Kill(SIGKILL);
  EXPECT_EQ(killed.Wait(), ProcessEnd{.signal = SIGKILL});
  const v1::Task ready = AwaitState(client(), id, v1::TASK_STATE_READY);
  EXPECT_THAT(ready.error().message(), HasSubstr("was lost: its lease ran out in attempt 1 of 3"));

  cluster_.StartWorker("other", {"--exec-shell"});
  const v1::Task task = AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(OutputOf(task), "done\n");
  ASSERT_EQ(task.attempts_size(), 2);
  EXPECT_EQ(task.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_LOST);
  EXPECT_THAT(task.attempts(0).worker(), StartsWith("killed-"));
  EXPECT_THAT(task.attempts(1).worker(), StartsWith("other-"));
}

// "Prefetched tasks vanish with the worker": celery #1628, #7924. With a real worker in
// worker_crash_test.cc; this one shows that all that was fetched says why it came back.
TEST_F(Pains, WhatALostWorkerHadFetchedComesBackWithTheReason) {
  constexpr int kFetched = 50;
  cluster_.StartMaster({"--lease", "1s"});
  const int64_t batch = SubmitBatch(client(), std::vector<v1::TaskSpec>(kFetched, EchoTask()));
  FakeWorker lost(cluster_.connection(), "lost");
  const std::vector<v1::LeasedTask> fetched = lost.Take(kFetched);
  ASSERT_EQ(fetched.size(), kFetched);
  cluster_.StartWorker("w1");
  for (const v1::LeasedTask& lease : fetched) {
    const v1::Task task = AwaitState(client(), lease.task_id(), v1::TASK_STATE_SUCCEEDED);
    ASSERT_GE(task.attempts_size(), 2);
    EXPECT_EQ(task.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_LOST);
    EXPECT_EQ(task.attempts(0).worker(), "lost");
    EXPECT_EQ(task.attempts(0).error().message(),
              "worker 'lost' was lost: its lease ran out in attempt 1 of 3");
  }
  const absl::StatusOr<v1::Batch> after = client().GetBatch(batch);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->counts().succeeded(), kFetched);
}

// "Redelivery never happens until some worker restarts", "jobs stuck for days": celery #4976,
// gearmand #343, hyperqueue #764. Nobody calls the master while the other's poll is parked.
TEST_F(Pains, AnExpiredLeaseIsHandedToAParkedWorkerWithoutAnyCall) {
  cluster_.StartMaster({"--lease", "200ms"});
  const int64_t id = SubmitTask(client(), EchoTask());
  FakeWorker lost(cluster_.connection(), "lost");
  ASSERT_EQ(lost.Take(1).size(), 1);
  FakeWorker parked(cluster_.connection(), "parked");
  const std::vector<v1::LeasedTask> again = parked.Take(1, absl::Seconds(40));
  ASSERT_EQ(again.size(), 1);
  EXPECT_EQ(again[0].task_id(), id);
  EXPECT_EQ(again[0].attempt(), 2);
}

// The same reports: what waits for too long can be seen.
TEST_F(Pains, HowLongTheOldestTaskHasWaitedIsShown) {
  cluster_.StartMaster();
  SubmitTask(client(), EchoTask());
  const absl::StatusOr<v1::ListQueuesResponse> queues = client().Queues();
  ASSERT_TRUE(queues.ok()) << queues.status();
  ASSERT_EQ(queues->queues_size(), 1);
  EXPECT_TRUE(queues->queues(0).has_oldest_ready_age());
}

// An endless loop of attempts would be the other extreme: a task that kills whoever takes it, for
// instance for want of memory.
TEST_F(Pains, ATaskThatKillsItsWorkerEachTimeEndsAsADeadLetter) {
  cluster_.StartMaster({"--lease", "1s"});
  v1::TaskSpec deadly = ShellTask("echo > started$TAREA_ATTEMPT; exec sleep 1000", cluster_.path());
  deadly.mutable_retry()->set_max_attempts(2);
  const int64_t id = SubmitTask(client(), deadly);
  for (const char* attempt : {"1", "2"}) {
    Process& worker = cluster_.StartWorker(absl::StrCat("victim", attempt), {"--exec-shell"});
    AwaitLine(File(absl::StrCat("started", attempt)));
    worker.Kill(SIGKILL);
    EXPECT_EQ(worker.Wait(), ProcessEnd{.signal = SIGKILL});
  }
  const v1::Task task = AwaitState(client(), id, v1::TASK_STATE_FAILED);
  EXPECT_THAT(task.error().message(), HasSubstr("was lost: its lease ran out in attempt 2 of 2"));
  ASSERT_EQ(task.attempts_size(), 2);
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(task.attempts(i).outcome(), v1::ATTEMPT_OUTCOME_LOST);
    EXPECT_THAT(task.attempts(i).worker(), StartsWith(absl::StrCat("victim", i + 1, "-")));
  }
}

// --- Retries
// -------------------------------------------------------------------------------------------

// "Failed background jobs are not run again": gearmand #251.
TEST_F(Pains, AFailedTaskIsTriedThreeTimesThenReadableThenRetriedByHand) {
  cluster_.StartMaster();
  cluster_.StartWorker("w1", {"--exec-shell"});
  v1::TaskSpec flaky =
      ShellTask("[ -e repaired ] || { echo broken $TAREA_ATTEMPT >&2; exit 7; }", cluster_.path());
  flaky.clear_retry();
  const int64_t id = SubmitTask(client(), flaky);
  const v1::Task dead = AwaitState(client(), id, v1::TASK_STATE_FAILED);
  ASSERT_EQ(dead.attempts_size(), 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(dead.attempts(i).outcome(), v1::ATTEMPT_OUTCOME_FAILED);
    EXPECT_EQ(dead.attempts(i).error().message(), absl::StrCat("exit code 7: broken ", i + 1));
  }
  const CommandResult show = cluster_.RunClient({"show", absl::StrCat(id)});
  for (const char* error : {"broken 1", "broken 2", "broken 3"}) {
    EXPECT_THAT(show.out, HasSubstr(error));
  }

  WriteFile(File("repaired"), "");
  EXPECT_EQ(cluster_.RunClient({"retry", absl::StrCat(id)}).end, ProcessEnd{});
  const v1::Task task = AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
  ASSERT_EQ(task.attempts_size(), 4);
  EXPECT_EQ(task.attempts(0).error().message(), "exit code 7: broken 1");
}

// --- Durability
// ----------------------------------------------------------------------------------------

// "Durable queueing is a bad choice": gearmand #369, #345.
TEST_F(Pains, DurableIsWhatOneGetsWithoutAnyFlag) {
  cluster_.StartMaster();
  const absl::StatusOr<v1::GetStatsResponse> stats = client().Stats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->store(), "sqlite");
  EXPECT_EQ(stats->durability(), "fsync");
}

// Acknowledged writes were lost because fsync ran every two minutes: Jepsen's report on NATS
// JetStream 2.12.
TEST_F(Pains, EachAcknowledgementIsPrecededByASync) {
  constexpr int kCalls = 5;
  cluster_.StartMaster();
  const std::string trace = File("trace");
  Process strace("strace", {"-f", "-e", "trace=fsync,fdatasync", "-o", trace, "-p",
                            absl::StrCat(cluster_.master().pid())});
  if (!strace.AwaitLog("attached")) GTEST_SKIP() << "strace cannot be used: " << strace.Log();
  for (int i = 0; i < kCalls; ++i) SubmitTask(client(), EchoTask());
  strace.Kill(SIGINT);
  ASSERT_TRUE(strace.Wait().has_value());
  const std::string calls = ReadFile(trace);
  int syncs = 0;
  for (const absl::string_view line : absl::StrSplit(calls, '\n')) {
    // "fdatasync(5) = 0", or "<... fdatasync resumed>) = 0"
    if (absl::StrContains(line, "sync") && absl::EndsWith(line, "= 0")) ++syncs;
  }
  EXPECT_GE(syncs, kCalls) << calls;
}

// --- Batches
// -------------------------------------------------------------------------------------------

// "No batch put or reserve": beanstalkd #266, #427, #627.
TEST_F(Pains, ThousandsOfTasksAreSubmittedTakenAndReportedInOneCallEach) {
  constexpr int kTasks = 10'000;
  constexpr int kTaken = 4096;  // --max-claim
  cluster_.StartMaster();
  v1::SubmitTasksRequest submit;
  for (int i = 0; i < kTasks; ++i) *submit.add_tasks() = EchoTask();
  v1::SubmitTasksResponse submitted;
  absl::Status status = cluster_.connection().Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitTasks(&context, submit, &submitted);
  });
  ASSERT_TRUE(status.ok()) << status;

  const std::vector<v1::LeasedTask> taken = FakeWorker(cluster_.connection(), "w1").Take(kTaken);
  ASSERT_EQ(taken.size(), kTaken);

  v1::SubmitResultRequest report;
  report.mutable_worker()->set_id("w1");
  for (const v1::LeasedTask& task : taken) {
    v1::TaskResult& result = *report.add_results();
    result.set_task_id(task.task_id());
    result.set_lease_id(task.lease_id());
    result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  }
  v1::SubmitResultResponse reported;
  status = cluster_.connection().Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitResult(&context, report, &reported);
  });
  ASSERT_TRUE(status.ok()) << status;
  EXPECT_THAT(reported.statuses(), testing::Each(v1::RESULT_STATUS_RECORDED));
  const absl::StatusOr<v1::Batch> batch = client().GetBatch(submitted.batch_id());
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->counts().succeeded(), kTaken);
  EXPECT_EQ(batch->counts().ready(), kTasks - kTaken);
}

}  // namespace
}  // namespace tarea
