#ifndef TAREA_TESTS_INTEGRATION_MASTER_FIXTURE_H_
#define TAREA_TESTS_INTEGRATION_MASTER_FIXTURE_H_

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/convert.h"
#include "master/master.h"
#include "proto/tasks.grpc.pb.h"
#include "tests/support/temp_dir.h"

namespace tarea {

// A master in this process, on a port that the kernel picks, with the embedded store; calls go
// through gRPC.
class MasterFixture : public testing::Test {
 protected:
  void SetUp() override { Start(); }

  // Starts it, or starts it anew on the same directory.
  void Start() {
    if (master_ != nullptr) {
      master_->Shutdown();
      master_.reset();
    }
    options_.listen = listen_;
    options_.data_dir = dir_.path() + "/data";
    absl::StatusOr<std::unique_ptr<Master>> master =
        Master::Start(options_, [](const absl::Status& status) { FAIL() << status; });
    ASSERT_TRUE(master.ok()) << master.status();
    master_ = *std::move(master);
    channel_ = grpc::CreateChannel(absl::StrCat("127.0.0.1:", master_->port()),
                                   grpc::InsecureChannelCredentials());
    stub_ = v1::TaskService::NewStub(channel_);
  }

  // Calls `method` and answers its status; `response` is cleared first.
  template <typename Method, typename Request, typename Response>
  grpc::Status Call(Method method, const Request& request, Response& response) {
    grpc::ClientContext context;
    response.Clear();
    return (stub_.get()->*method)(&context, request, &response);
  }

  v1::SubmitTasksResponse Submit(const v1::SubmitTasksRequest& request) {
    v1::SubmitTasksResponse response;
    const grpc::Status status = Call(&v1::TaskService::Stub::SubmitTasks, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }

  v1::SubmitTasksResponse Submit(int count, const std::string& type = "echo") {
    v1::SubmitTasksRequest request;
    for (int i = 0; i < count; ++i) request.add_tasks()->set_type(type);
    return Submit(request);
  }

  grpc::Status Request(const std::string& worker, int max_tasks, absl::Duration wait,
                       v1::RequestTaskResponse& response) {
    v1::RequestTaskRequest request;
    request.mutable_worker()->set_id(worker);
    request.set_max_tasks(max_tasks);
    *request.mutable_wait() = ToProto(wait);
    return Call(&v1::TaskService::Stub::RequestTask, request, response);
  }

  std::vector<v1::LeasedTask> Take(const std::string& worker, int max_tasks,
                                   absl::Duration wait = absl::Seconds(30)) {
    v1::RequestTaskResponse response;
    const grpc::Status status = Request(worker, max_tasks, wait, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    absl::MutexLock lock(&mu_);
    for (const v1::LeasedTask& task : response.tasks()) takers_[task.lease_id()] = worker;
    return {response.tasks().begin(), response.tasks().end()};
  }

  // As `worker`, or as the one that took the task with Take.
  v1::ResultStatus Report(const v1::LeasedTask& task, v1::ResultOutcome outcome,
                          const std::string& result = "", const std::string& worker = "") {
    v1::SubmitResultRequest request;
    {
      absl::MutexLock lock(&mu_);
      const auto taker = takers_.find(task.lease_id());
      request.mutable_worker()->set_id(!worker.empty()          ? worker
                                       : taker == takers_.end() ? "w"
                                                                : taker->second);
    }
    v1::TaskResult* item = request.add_results();
    item->set_task_id(task.task_id());
    item->set_lease_id(task.lease_id());
    item->set_outcome(outcome);
    item->set_result(result);
    if (outcome == v1::RESULT_OUTCOME_FAILED) item->mutable_error()->set_message("broken");
    v1::SubmitResultResponse response;
    const grpc::Status status = Call(&v1::TaskService::Stub::SubmitResult, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.statuses_size() == 1 ? response.statuses(0) : v1::RESULT_STATUS_UNSPECIFIED;
  }

  v1::Task Get(int64_t id) {
    v1::GetTaskRequest request;
    request.set_task_id(id);
    v1::GetTaskResponse response;
    const grpc::Status status = Call(&v1::TaskService::Stub::GetTask, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response.task();
  }

  v1::GetStatsResponse Stats() {
    v1::GetStatsResponse response;
    EXPECT_TRUE(Call(&v1::TaskService::Stub::GetStats, v1::GetStatsRequest(), response).ok());
    return response;
  }

  TempDir dir_;
  std::string listen_ = "127.0.0.1:0";  // for the next Start
  MasterOptions options_;
  std::unique_ptr<Master> master_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::TaskService::Stub> stub_;

 private:
  absl::Mutex mu_;
  std::map<uint64_t, std::string> takers_ ABSL_GUARDED_BY(mu_);  // by lease
};

}  // namespace tarea

#endif  // TAREA_TESTS_INTEGRATION_MASTER_FIXTURE_H_
