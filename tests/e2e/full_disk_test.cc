// A master on a disk that is really full.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "common/convert.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"
#include "tests/support/small_disk.h"

namespace tarea {
namespace {

constexpr int64_t kMiB = int64_t{1} << 20;
constexpr absl::Duration kCallTimeout = absl::Seconds(30);
// More than the disk has room for.
constexpr int kEnough = 200;

class FullDisk : public testing::Test {
 protected:
  void SetUp() override {
    if (const absl::Status status = EnterMountNamespace(); !status.ok()) {
      GTEST_SKIP() << "this needs a disk of its own, and the kernel gives none: " << status;
    }
    std::filesystem::create_directories(cluster_.data_dir());
    ASSERT_TRUE(disk_.Mount(cluster_.data_dir(), 48 * kMiB).ok());
    cluster_.StartMaster({"--disk-reserve", std::to_string(12 * kMiB)});
  }

  // One try: a client would go on until its patience is over.
  absl::Status SubmitOnce(size_t payload) {
    v1::SubmitTasksRequest request;
    *request.add_tasks() = EchoTask(std::string(payload, 'x'));
    v1::SubmitTasksResponse response;
    return cluster_.connection().Attempt(kCallTimeout,
                                         [&](Stub& stub, grpc::ClientContext& context) {
                                           return stub.SubmitTasks(&context, request, &response);
                                         });
  }

  absl::Status ReportOnce(const v1::LeasedTask& task, size_t result) {
    v1::SubmitResultRequest request;
    request.mutable_worker()->set_id("w");
    v1::TaskResult* item = request.add_results();
    item->set_task_id(task.task_id());
    item->set_lease_id(task.lease_id());
    item->set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
    item->set_result(std::string(result, 'r'));
    v1::SubmitResultResponse response;
    const absl::Status status =
        cluster_.connection().Attempt(kCallTimeout, [&](Stub& stub, grpc::ClientContext& context) {
          return stub.SubmitResult(&context, request, &response);
        });
    if (status.ok()) {
      EXPECT_EQ(response.statuses(0), v1::RESULT_STATUS_RECORDED);
    }
    return status;
  }

  Cluster cluster_;
  SmallDisk disk_;  // goes first: what it is mounted on is removed with the cluster
};

TEST_F(FullDisk, RefusesNewTasksFirstThenResultsReadsOnAndGoesOnWithoutARestart) {
  const int64_t batch = SubmitBatch(cluster_.client(), std::vector(kEnough, EchoTask("small")));
  FakeWorker worker(cluster_.connection(), "w");
  const std::vector<v1::LeasedTask> tasks = worker.Take(kEnough);
  ASSERT_EQ(tasks.size(), kEnough);

  absl::Status refused;
  for (int i = 0; i < kEnough && refused.ok(); ++i) refused = SubmitOnce(kMiB);
  ASSERT_TRUE(absl::IsResourceExhausted(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("--disk-reserve"));

  // What was accepted before has its place.
  EXPECT_TRUE(ReportOnce(tasks[0], 64 << 10).ok());

  ASSERT_TRUE(disk_.Fill().ok());
  size_t reported = 1;
  absl::Status full;
  while (reported < tasks.size() && full.ok()) full = ReportOnce(tasks[reported++], kMiB);
  ASSERT_TRUE(absl::IsResourceExhausted(full)) << full;
  EXPECT_EQ(GetTask(cluster_.client(), tasks[0].task_id()).state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(cluster_.client().GetBatch(batch)->id(), batch);

  disk_.Free();
  EXPECT_TRUE(ReportOnce(tasks[reported - 1], kMiB).ok());
  EXPECT_EQ(cluster_.KillMaster(SIGTERM), ProcessEnd{});
}

}  // namespace
}  // namespace tarea
