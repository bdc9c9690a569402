// The promises of docs/reliability.md for which a master has to die.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/e2e/cluster.h"

namespace tarea {
namespace {

constexpr int kSubmitters = 4;
constexpr int kTasksPerBatch = 20;
constexpr int kKills = 4;

v1::SubmitTasksRequest MakeRequest(const std::string& request_id) {
  v1::SubmitTasksRequest request;
  request.set_request_id(request_id);
  for (int i = 0; i < kTasksPerBatch; ++i) {
    v1::TaskSpec* task = request.add_tasks();
    task->set_type("echo");
    task->set_payload(absl::StrCat(request_id, "/", i));
  }
  return request;
}

// What was acknowledged to the threads of a test, by request id.
class Acknowledged {
 public:
  void Add(const std::string& request_id, const v1::SubmitTasksResponse& answer) {
    absl::MutexLock lock(&mu_);
    answers_[request_id] = answer;
  }

  size_t size() const {
    absl::MutexLock lock(&mu_);
    return answers_.size();
  }

  std::map<std::string, v1::SubmitTasksResponse> answers() const {
    absl::MutexLock lock(&mu_);
    return answers_;
  }

 private:
  mutable absl::Mutex mu_;
  std::map<std::string, v1::SubmitTasksResponse> answers_ ABSL_GUARDED_BY(mu_);
};

// Payloads of a batch's tasks by id.
std::map<int64_t, std::string> Payloads(Client& client, int64_t batch_id) {
  std::map<int64_t, std::string> payloads;
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch_id);
  request.set_with_payload(true);
  const absl::Status status = client.List(request, [&](const v1::Task& task) {
    payloads[task.id()] = task.spec().payload();
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return payloads;
}

std::vector<v1::Batch> Batches(Client& client) {
  std::vector<v1::Batch> batches;
  const absl::Status status = client.ListBatches([&](const v1::Batch& batch) {
    batches.push_back(batch);
    return true;
  });
  EXPECT_TRUE(status.ok()) << status;
  return batches;
}

void ExpectWhole(Client& client, const std::string& request_id,
                 const v1::SubmitTasksResponse& answer) {
  std::map<int64_t, std::string> expected;
  for (int i = 0; i < kTasksPerBatch; ++i) {
    expected[answer.first_task_id() + i] = absl::StrCat(request_id, "/", i);
  }
  EXPECT_EQ(Payloads(client, answer.batch_id()), expected) << request_id;
}

// --- 1: accepted is durable
// ------------------------------------------------------------------------------

// Submits one batch after the other until a call fails.
void SubmitUntilItFails(Connection& connection, const std::string& name, Acknowledged& accepted) {
  for (int i = 0;; ++i) {
    const v1::SubmitTasksRequest request = MakeRequest(absl::StrCat(name, "-", i));
    v1::SubmitTasksResponse answer;
    const absl::Status status =
        connection.Attempt(absl::Seconds(30), [&](Stub& stub, grpc::ClientContext& context) {
          return stub.SubmitTasks(&context, request, &answer);
        });
    if (!status.ok()) return;
    accepted.Add(request.request_id(), answer);
  }
}

TEST(Crash, WhatWasAcknowledgedIsThereWholeAndTheRestIsThereWholeOrNotAtAll) {
  Cluster cluster;
  cluster.StartMaster();
  Acknowledged accepted;
  for (int round = 1; round <= kKills; ++round) {
    const size_t before = accepted.size();
    // Not the cluster's connection, which may not have noticed yet that the master is back.
    Connection connection({.masters = {cluster.address()}});
    std::vector<std::thread> threads;
    threads.reserve(kSubmitters);
    for (int i = 0; i < kSubmitters; ++i) {
      threads.emplace_back(
          [&, i] { SubmitUntilItFails(connection, absl::StrCat(round, "-", i), accepted); });
    }
    EXPECT_TRUE(WaitFor([&] { return accepted.size() >= before + 25; }));
    EXPECT_EQ(cluster.KillMaster(SIGKILL), ProcessEnd{.signal = SIGKILL});
    for (std::thread& thread : threads) thread.join();
    cluster.StartMaster();
  }
  for (const auto& [request_id, answer] : accepted.answers()) {
    ExpectWhole(cluster.client(), request_id, answer);
  }
  for (const v1::Batch& batch : Batches(cluster.client())) {
    EXPECT_EQ(batch.total(), kTasksPerBatch) << batch.id();
    EXPECT_FALSE(batch.open()) << batch.id();
  }
}

TEST(Crash, AResultThatWasAcknowledgedIsThereAndTheTaskIsNotHandedOutAgain) {
  Cluster cluster;
  cluster.StartMaster();
  const absl::StatusOr<Submission> batch =
      cluster.client().Submit("b", std::vector<v1::TaskSpec>(kKills, MakeRequest("r").tasks(0)));
  ASSERT_TRUE(batch.ok()) << batch.status();
  FakeWorker worker(cluster.connection(), "w1");
  std::set<int64_t> done;
  for (int round = 0; round < kKills; ++round) {
    const std::vector<v1::LeasedTask> tasks = worker.Take(1);
    ASSERT_EQ(tasks.size(), 1);
    EXPECT_TRUE(done.insert(tasks[0].task_id()).second);
    EXPECT_EQ(worker.Report(tasks[0], v1::RESULT_OUTCOME_SUCCEEDED, absl::StrCat("r", round)),
              v1::RESULT_STATUS_RECORDED);
    cluster.KillMaster(SIGKILL);
    cluster.StartMaster();
    const absl::StatusOr<v1::Task> task = cluster.client().Get(tasks[0].task_id());
    ASSERT_TRUE(task.ok()) << task.status();
    EXPECT_EQ(task->state(), v1::TASK_STATE_SUCCEEDED);
    EXPECT_EQ(task->result(), absl::StrCat("r", round));
  }
  EXPECT_TRUE(worker.Take(1, absl::ZeroDuration()).empty());
}

// --- 3: idempotent submission
// ----------------------------------------------------------------------------

absl::StatusOr<v1::SubmitTasksResponse> SubmitWithRetries(Connection& connection,
                                                          const std::string& request_id) {
  const v1::SubmitTasksRequest request = MakeRequest(request_id);
  v1::SubmitTasksResponse answer;
  const absl::Status status = connection.Call([&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitTasks(&context, request, &answer);
  });
  if (!status.ok()) return status;
  return answer;
}

TEST(Crash, SubmissionsThatAreRepeatedAcrossCrashesAreOneBatchEach) {
  Cluster cluster;
  cluster.StartMaster();
  Acknowledged accepted;
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  threads.reserve(kSubmitters);
  for (int i = 0; i < kSubmitters; ++i) {
    threads.emplace_back([&, i] {
      for (int n = 0; !stop; ++n) {
        const std::string id = absl::StrCat(i, "-", n);
        const auto answer = SubmitWithRetries(cluster.connection(), id);
        ASSERT_TRUE(answer.ok()) << answer.status();
        accepted.Add(id, *answer);
      }
    });
  }
  for (int round = 0; round < kKills; ++round) {
    const size_t before = accepted.size();
    EXPECT_TRUE(WaitFor([&] { return accepted.size() >= before + 25; }));
    cluster.KillMaster(SIGKILL);
    cluster.StartMaster();
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();

  std::set<int64_t> batches;
  for (const auto& [request_id, answer] : accepted.answers()) {
    EXPECT_TRUE(batches.insert(answer.batch_id()).second) << request_id;
    ExpectWhole(cluster.client(), request_id, answer);
    const auto again = SubmitWithRetries(cluster.connection(), request_id);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(again->batch_id(), answer.batch_id()) << request_id;
    EXPECT_EQ(again->first_task_id(), answer.first_task_id()) << request_id;
  }
  EXPECT_EQ(Batches(cluster.client()).size(), batches.size());
}

// --- 2 and 4: leases across crashes
// ----------------------------------------------------------------------

// A task that is tried as often as it takes, without pauses.
v1::TaskSpec StubbornTask() {
  v1::TaskSpec task;
  task.set_type("echo");
  task.mutable_retry()->set_max_attempts(1000);
  task.mutable_retry()->mutable_initial_backoff();  // 0 s
  return task;
}

TEST(Crash, ALeaseOutlivesTheMasterAndItsResultIsTaken) {
  Cluster cluster;
  cluster.StartMaster();
  const absl::StatusOr<Submission> batch = cluster.client().Submit("b", {StubbornTask()});
  ASSERT_TRUE(batch.ok()) << batch.status();
  FakeWorker worker(cluster.connection(), "w1");
  const std::vector<v1::LeasedTask> tasks = worker.Take(1);
  ASSERT_EQ(tasks.size(), 1);
  cluster.KillMaster(SIGKILL);
  cluster.StartMaster();

  FakeWorker other(cluster.connection(), "w2");
  EXPECT_TRUE(other.Take(1, absl::ZeroDuration()).empty());
  EXPECT_EQ(worker.Report(tasks[0], v1::RESULT_OUTCOME_SUCCEEDED, "done"),
            v1::RESULT_STATUS_RECORDED);
  const absl::StatusOr<v1::Task> task = cluster.client().Get(tasks[0].task_id());
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->result(), "done");
  EXPECT_EQ(task->attempts_size(), 1);
}

TEST(Crash, NoLeaseIdComesTwiceAndResultsOfEarlierLeasesAreStale) {
  constexpr int kTasks = 8;
  Cluster cluster;
  cluster.StartMaster({"--lease", "200ms"});
  const absl::StatusOr<Submission> batch =
      cluster.client().Submit("b", std::vector<v1::TaskSpec>(kTasks, StubbornTask()));
  ASSERT_TRUE(batch.ok()) << batch.status();
  std::set<uint64_t> lease_ids;
  std::vector<v1::LeasedTask> earlier;
  for (int life = 1; life <= kKills; ++life) {
    // Each task once, as soon as the leases of the life before have run out.
    FakeWorker worker(cluster.connection(), absl::StrCat("w", life));
    std::vector<v1::LeasedTask> leased;
    std::set<int64_t> task_ids;
    while (task_ids.size() < kTasks) {
      const std::vector<v1::LeasedTask> more = worker.Take(kTasks);
      ASSERT_FALSE(more.empty());
      for (const v1::LeasedTask& task : more) {
        EXPECT_TRUE(lease_ids.insert(task.lease_id()).second) << "life " << life;
        task_ids.insert(task.task_id());
        leased.push_back(task);
      }
    }
    for (const v1::LeasedTask& task : earlier) {
      EXPECT_EQ(worker.Report(task, v1::RESULT_OUTCOME_SUCCEEDED, "late"), v1::RESULT_STATUS_STALE);
    }
    earlier.insert(earlier.end(), leased.begin(), leased.end());
    // At once: the last claims need not have reached the disk.
    cluster.KillMaster(SIGKILL);
    cluster.StartMaster();
  }
  const absl::StatusOr<v1::Batch> after = cluster.client().GetBatch(batch->batch_id);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->counts().succeeded(), 0);
}

}  // namespace
}  // namespace tarea
