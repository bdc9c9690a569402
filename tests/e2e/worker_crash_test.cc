// What becomes of tasks when their worker is killed or falls asleep, and of commands when their
// task ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "absl/strings/str_cat.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

using testing::_;
using testing::AnyOf;
using testing::Each;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

class WorkerCrash : public testing::Test {
 protected:
  // Long enough for a worker under load to renew it.
  void SetUp() override { cluster_.StartMaster({"--lease", "1s"}); }

  Client& client() { return cluster_.client(); }
  std::string File(const std::string& name) const { return cluster_.path() + "/" + name; }

  Cluster cluster_;
};

// A shell whose child is in a session of its own and does not care for SIGTERM. Both write their
// process ids, and neither ends.
constexpr char kTree[] =
    R"(setsid sh -c 'trap "" TERM; echo $$ > grandchild; while :; do sleep 0.1; done' &
echo $$ > child
wait
)";

void ExpectLost(const v1::Attempt& attempt, absl::string_view worker) {
  EXPECT_EQ(attempt.outcome(), v1::ATTEMPT_OUTCOME_LOST);
  EXPECT_THAT(attempt.worker(), StartsWith(absl::StrCat(worker, "-")));
  EXPECT_THAT(attempt.error().message(),
              HasSubstr(absl::StrCat("worker '", attempt.worker(), "' was lost")));
}

TEST_F(WorkerCrash, ACommandDiesWithItsKilledWorkerAndRunsAgainElsewhere) {
  const int64_t id = SubmitTask(
      client(), ShellTask(absl::StrCat("if [ $TAREA_ATTEMPT = 1 ]; then ", kTree, "fi; echo done"),
                          cluster_.path()));
  cluster_.StartWorker("w1", {"--exec-shell"});
  const std::string child = AwaitLine(File("child"));
  const std::string grandchild = AwaitLine(File("grandchild"));

  cluster_.worker("w1").Kill(SIGKILL);
  EXPECT_TRUE(AwaitGone(child));
  EXPECT_TRUE(AwaitGone(grandchild));

  cluster_.StartWorker("w2", {"--exec-shell"});
  const v1::Task task = AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(OutputOf(task), "done\n");
  ASSERT_EQ(task.attempts_size(), 2);
  ExpectLost(task.attempts(0), "w1");
  EXPECT_EQ(task.attempts(1).outcome(), v1::ATTEMPT_OUTCOME_SUCCEEDED);
  EXPECT_THAT(task.attempts(1).worker(), StartsWith("w2-"));
}

TEST_F(WorkerCrash, ACancelledCommandEndsWithAllItsDescendants) {
  const int64_t id = SubmitTask(client(), ShellTask(kTree, cluster_.path()));
  cluster_.StartWorker("w1", {"--exec-shell", "--kill-after", "100ms"});
  const std::string child = AwaitLine(File("child"));
  const std::string grandchild = AwaitLine(File("grandchild"));

  const CommandResult cancel = cluster_.RunClient({"cancel", absl::StrCat(id)});
  EXPECT_EQ(cancel.end, ProcessEnd{}) << cancel.err;

  const v1::Task task = AwaitState(client(), id, v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(task.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_CANCELLED);
  // Not later: a task that has ended has left nothing behind.
  EXPECT_FALSE(std::filesystem::exists("/proc/" + child));
  EXPECT_FALSE(std::filesystem::exists("/proc/" + grandchild));
  EXPECT_FALSE(cluster_.worker("w1").Wait(absl::ZeroDuration()).has_value());
}

TEST_F(WorkerCrash, TheResultOfAWorkerThatOversleptIsRefused) {
  // The first attempt waits for its gate, any other does not.
  const int64_t id =
      SubmitTask(client(), ShellTask("if [ $TAREA_ATTEMPT = 1 ]; then echo $$ > first; "
                                     "while [ ! -e gate ]; do sleep 0.02; done; fi; "
                                     "echo attempt $TAREA_ATTEMPT",
                                     cluster_.path()));
  // It has another slot free, so a poll of it is parked at the master while it sleeps.
  Process& sleeper = cluster_.StartWorker("w1", {"--exec-shell", "--slots", "2"});
  const std::string first = AwaitLine(File("first"));
  sleeper.Kill(SIGSTOP);
  cluster_.StartWorker("w2", {"--exec-shell"});
  AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
  WriteFile(File("gate"), "");
  EXPECT_TRUE(AwaitGone(first));
  sleeper.Kill(SIGCONT);
  // It drains: what it has to report it has reported by its end.
  sleeper.Kill(SIGTERM);
  EXPECT_EQ(sleeper.Wait(), ProcessEnd{});

  // Its heartbeat may be faster than its result.
  EXPECT_THAT(sleeper.Log(), AnyOf(HasSubstr("result dropped, the lease is no longer current"),
                                   HasSubstr("the lease is gone")));
  const v1::Task task = GetTask(client(), id);
  EXPECT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(OutputOf(task), "attempt 2\n");
  EXPECT_THAT(task.worker(), StartsWith("w2-"));
  ASSERT_EQ(task.attempts_size(), 2);
  ExpectLost(task.attempts(0), "w1");
}

// --- What was fetched ahead
// ---------------------------------------------------------------------------

// Tasks of a batch that took more than one attempt, whole.
std::vector<v1::Task> Repeated(Client& client, int64_t batch_id) {
  std::vector<int64_t> ids;
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch_id);
  request.set_page_size(1000);
  const absl::Status status = client.List(request, [&](const v1::Task& task) {
    if (task.attempt() > 1) ids.push_back(task.id());
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  std::vector<v1::Task> tasks;
  tasks.reserve(ids.size());
  for (const int64_t id : ids) tasks.push_back(GetTask(client, id));
  return tasks;
}

// Kills the worker that runs its first attempt: the grandparent of the shell.
constexpr char kKillsWorker[] =
    R"([ $TAREA_ATTEMPT != 1 ] || { read -r pid name state parent rest < /proc/$PPID/stat
kill -KILL $parent; sleep 1000; })";

TEST_F(WorkerCrash, WhatAKilledWorkerHadFetchedAheadIsDoneByAnotherAndRecordedOnce) {
  constexpr size_t kBefore = 100;  // teach it that tasks are quick
  constexpr size_t kBehind = 300;
  std::vector<v1::TaskSpec> tasks(kBefore + 1 + kBehind, EchoTask());
  tasks[kBefore] = ShellTask(kKillsWorker, cluster_.path());
  const int64_t batch = SubmitBatch(client(), tasks);
  Process& worker = cluster_.StartWorker("dies", {"--exec-shell", "--slots", "1"});
  EXPECT_EQ(worker.Wait(), ProcessEnd{.signal = SIGKILL});
  cluster_.StartWorker("lives", {"--exec-shell"});

  std::map<int64_t, int> times;
  const absl::Status end = client().Watch(batch, {}, [&](const v1::WatchBatchResponse& news) {
    for (const v1::Task& task : news.tasks()) {
      EXPECT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED) << task.ShortDebugString();
      ++times[task.id()];
    }
    return absl::OkStatus();
  });
  EXPECT_TRUE(end.ok()) << end;
  EXPECT_EQ(times.size(), tasks.size());
  EXPECT_THAT(times, Each(Pair(_, 1)));
  const std::vector<v1::Task> repeated = Repeated(client(), batch);
  EXPECT_GT(repeated.size(), 10);  // most of them had not been started
  for (const v1::Task& task : repeated) ExpectLost(task.attempts(0), "dies");
}

}  // namespace
}  // namespace tarea
