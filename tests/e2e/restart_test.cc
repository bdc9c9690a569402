// What it is all for: a hundred thousand tasks, and the master dies half way.

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "absl/strings/str_cat.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

constexpr int kTasks = 100'000;

std::string PayloadOf(int64_t position) { return absl::StrCat("payload ", position); }

std::vector<v1::TaskSpec> Echoes() {
  std::vector<v1::TaskSpec> tasks;
  tasks.reserve(kTasks);
  for (int i = 0; i < kTasks; ++i) tasks.push_back(EchoTask(PayloadOf(i)));
  return tasks;
}

// Results as they come in a watch, by the position of their task.
class Results {
 public:
  explicit Results(const TaskIds& task_ids) : task_ids_(task_ids), times_(kTasks) {}

  void Add(const v1::Task& task) {
    const std::optional<int64_t> position = task_ids_.PositionOf(task.id());
    ASSERT_TRUE(position.has_value()) << task.id();
    EXPECT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED) << task.ShortDebugString();
    EXPECT_EQ(task.result(), PayloadOf(*position));
    EXPECT_EQ(++times_[*position], 1) << "result of task " << task.id();
    ++count_;
  }

  // May be asked from any thread.
  int count() const { return count_; }

 private:
  const TaskIds& task_ids_;
  std::vector<int> times_;
  std::atomic<int> count_ = 0;
};

// By position, once each task is finished: what its entry in a list says.
void ExpectAllRecorded(Client& client, const Submission& batch) {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch.batch_id);
  request.set_page_size(1000);
  request.set_with_result(true);
  int64_t listed = 0;
  const absl::Status status = client.List(request, [&](const v1::Task& task) {
    EXPECT_EQ(task.id(), batch.task_ids[listed]);
    EXPECT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED) << task.ShortDebugString();
    EXPECT_EQ(task.result(), PayloadOf(listed));
    // Leases outlive the master. Only what was being handed out or given back when it died may
    // have been begun again.
    EXPECT_LE(task.attempt(), 2) << task.ShortDebugString();
    return ++listed < kTasks;
  });
  EXPECT_TRUE(status.ok()) << status;
  EXPECT_EQ(listed, kTasks);
}

TEST(Restart, AHundredThousandTasksHaveOneResultEachAlthoughTheMasterIsKilledHalfWay) {
  Cluster cluster;
  cluster.StartMaster();
  const absl::StatusOr<Submission> batch = cluster.client().Submit("many", Echoes());
  ASSERT_TRUE(batch.ok()) << batch.status();
  Results results(batch->task_ids);
  std::thread watcher([&] {
    const absl::Status end = cluster.client().Watch(batch->batch_id, {.with_result = true},
                                                    [&](const v1::WatchBatchResponse& news) {
                                                      for (const v1::Task& task : news.tasks()) {
                                                        results.Add(task);
                                                      }
                                                      return absl::OkStatus();
                                                    });
    EXPECT_TRUE(end.ok()) << end;
  });
  for (const char* name : {"w1", "w2"}) cluster.StartWorker(name, {"--slots", "2"});

  EXPECT_TRUE(WaitFor([&] { return results.count() >= kTasks / 2; }));
  EXPECT_EQ(cluster.KillMaster(SIGKILL), ProcessEnd{.signal = SIGKILL});
  cluster.StartMaster();
  watcher.join();

  EXPECT_EQ(results.count(), kTasks);
  ExpectAllRecorded(cluster.client(), *batch);
  const absl::StatusOr<v1::Batch> after = cluster.client().GetBatch(batch->batch_id);
  ASSERT_TRUE(after.ok()) << after.status();
  EXPECT_EQ(after->total(), kTasks);
  EXPECT_EQ(after->counts().succeeded(), kTasks);
}

}  // namespace
}  // namespace tarea
