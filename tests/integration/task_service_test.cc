// What each call does, through gRPC.

#include <google/protobuf/descriptor.h>

#include <thread>

#include "common/status_grpc.h"
#include "tests/integration/master_fixture.h"
#include "tests/support/raw_call.h"

namespace tarea {
namespace {

using Stub = v1::TaskService::Stub;
class TaskServiceTest : public MasterFixture {};

TEST_F(TaskServiceTest, ATaskGoesFromTheClientToAWorkerAndBack) {
  v1::SubmitTasksRequest request;
  request.set_batch_name("greetings");
  v1::TaskSpec* spec = request.add_tasks();
  spec->set_type("echo");
  spec->set_payload("hello");
  (*spec->mutable_labels())["colour"] = "blue";
  spec->mutable_timeout()->set_seconds(7);
  const v1::SubmitTasksResponse batch = Submit(request);

  const v1::LeasedTask leased = Take("w1", 1).at(0);
  EXPECT_EQ(leased.task_id(), batch.first_task_id());
  EXPECT_EQ(leased.batch_id(), batch.batch_id());
  EXPECT_EQ(leased.type(), "echo");
  EXPECT_EQ(leased.queue(), "default");
  EXPECT_EQ(leased.payload(), "hello");
  EXPECT_EQ(leased.attempt(), 1);
  EXPECT_EQ(leased.max_attempts(), 3);
  EXPECT_EQ(leased.timeout().seconds(), 7);
  EXPECT_EQ(leased.labels().at("colour"), "blue");
  EXPECT_EQ(Get(leased.task_id()).state(), v1::TASK_STATE_RUNNING);
  Report(leased, v1::RESULT_OUTCOME_SUCCEEDED, "olleh");

  const v1::Task task = Get(leased.task_id());
  EXPECT_EQ(task.state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(task.result(), "olleh");
  EXPECT_EQ(task.spec().payload(), "hello");
  EXPECT_EQ(task.worker(), "w1");
  ASSERT_EQ(task.attempts_size(), 1);
  EXPECT_EQ(task.attempts(0).outcome(), v1::ATTEMPT_OUTCOME_SUCCEEDED);
  EXPECT_TRUE(task.has_finished_at());
}

TEST_F(TaskServiceTest, AFailedTaskIsTriedThreeTimesByDefaultThenReadableWithEachAttempt) {
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  request.mutable_tasks(0)->mutable_retry()->mutable_initial_backoff();  // 0 s
  const int64_t id = Submit(request).first_task_id();
  for (int attempt = 1; attempt <= 3; ++attempt) {
    const v1::LeasedTask task = Take("w1", 1).at(0);
    EXPECT_EQ(task.attempt(), attempt);
    Report(task, v1::RESULT_OUTCOME_FAILED);
  }
  v1::Task task = Get(id);
  EXPECT_EQ(task.state(), v1::TASK_STATE_FAILED);
  EXPECT_EQ(task.error().message(), "broken");
  ASSERT_EQ(task.attempts_size(), 3);
  EXPECT_EQ(task.attempts(2).error().message(), "broken");

  v1::RetryTasksRequest retry;
  retry.add_task_ids(id);
  v1::RetryTasksResponse retried;
  ASSERT_TRUE(Call(&Stub::RetryTasks, retry, retried).ok());
  EXPECT_EQ(retried.retried(), 1);
  EXPECT_EQ(Take("w1", 1).at(0).attempt(), 4);
}

TEST_F(TaskServiceTest, WatchBatchBringsEachResultOnceAlsoAcrossABrokenStream) {
  const v1::SubmitTasksResponse batch = Submit(100);
  std::vector<int64_t> seen;
  v1::WatchBatchRequest request;
  request.set_batch_id(batch.batch_id());
  request.set_with_result(true);
  std::thread worker([&] {
    for (int i = 0; i < 100; ++i) {
      Report(Take("w1", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED, absl::StrCat("r", i));
    }
  });
  bool finished = false;
  while (!finished) {
    grpc::ClientContext context;
    const auto stream = stub_->WatchBatch(&context, request);
    v1::WatchBatchResponse message;
    while (stream->Read(&message)) {
      for (const v1::Task& task : message.tasks()) {
        EXPECT_EQ(task.result(), absl::StrCat("r", seen.size()));
        seen.push_back(task.id());
      }
      request.set_cursor(message.cursor());
      if (seen.size() % 7 == 3) {
        context.TryCancel();  // and go on where it was
        break;
      }
    }
    while (stream->Read(&message)) {
    }
    finished = stream->Finish().ok();
  }
  worker.join();
  ASSERT_EQ(seen.size(), 100);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(seen[i], batch.first_task_id() + i);
}

TEST_F(TaskServiceTest, ABatchIsSubmittedInSeveralCallsAndEndsWhenItIsClosed) {
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  request.set_keep_open(true);
  const v1::SubmitTasksResponse first = Submit(request);
  request.set_batch_id(first.batch_id());
  request.set_keep_open(false);
  EXPECT_EQ(Submit(request).batch_id(), first.batch_id());
  v1::SubmitTasksResponse refused;
  EXPECT_EQ(Call(&Stub::SubmitTasks, request, refused).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
  v1::GetBatchRequest get;
  get.set_batch_id(first.batch_id());
  v1::GetBatchResponse batch;
  ASSERT_TRUE(Call(&Stub::GetBatch, get, batch).ok());
  EXPECT_FALSE(batch.batch().open());
  EXPECT_EQ(batch.batch().total(), 2);
}

TEST_F(TaskServiceTest, ListTasksPagesThroughEverythingInBothDirections) {
  const int64_t first = Submit(25).first_task_id();
  for (const bool newest_first : {false, true}) {
    v1::ListTasksRequest request;
    request.set_page_size(10);
    request.set_newest_first(newest_first);
    std::vector<int64_t> ids;
    do {
      v1::ListTasksResponse response;
      ASSERT_TRUE(Call(&Stub::ListTasks, request, response).ok());
      for (const v1::Task& task : response.tasks()) ids.push_back(task.id());
      request.set_page_token(response.next_page_token());
    } while (!request.page_token().empty());
    ASSERT_EQ(ids.size(), 25);
    EXPECT_EQ(ids.front(), newest_first ? first + 24 : first);
    EXPECT_EQ(ids.back(), newest_first ? first : first + 24);
  }
}

TEST_F(TaskServiceTest, APausedQueueHandsOutNothingUntilItIsResumed) {
  v1::PauseQueueRequest pause;
  pause.set_queue("default");
  v1::PauseQueueResponse paused;
  ASSERT_TRUE(Call(&Stub::PauseQueue, pause, paused).ok());
  Submit(1);
  EXPECT_TRUE(Take("w1", 1, absl::Milliseconds(20)).empty());
  v1::ListQueuesResponse queues;
  ASSERT_TRUE(Call(&Stub::ListQueues, v1::ListQueuesRequest(), queues).ok());
  ASSERT_EQ(queues.queues_size(), 1);
  EXPECT_TRUE(queues.queues(0).paused());
  EXPECT_EQ(queues.queues(0).counts().ready(), 1);
  EXPECT_TRUE(queues.queues(0).has_oldest_ready_age());

  v1::ResumeQueueRequest resume;
  resume.set_queue("default");
  v1::ResumeQueueResponse resumed;
  ASSERT_TRUE(Call(&Stub::ResumeQueue, resume, resumed).ok());
  EXPECT_EQ(Take("w1", 1).size(), 1);
}

TEST_F(TaskServiceTest, WorkersAreListedWhileTheyAreThere) {
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("w1-abc");
  request.mutable_worker()->set_name("w1");
  request.mutable_worker()->set_slots(4);
  (*request.mutable_worker()->mutable_labels())["zone"] = "a";
  request.add_queues("images");
  request.add_types("resize");
  v1::RequestTaskResponse none;
  ASSERT_TRUE(Call(&Stub::RequestTask, request, none).ok());
  v1::ListWorkersResponse workers;
  ASSERT_TRUE(Call(&Stub::ListWorkers, v1::ListWorkersRequest(), workers).ok());
  ASSERT_EQ(workers.workers_size(), 1);
  EXPECT_EQ(workers.workers(0).info().slots(), 4);
  EXPECT_EQ(workers.workers(0).info().labels().at("zone"), "a");
  EXPECT_EQ(workers.workers(0).queues(0), "images");
  EXPECT_EQ(workers.workers(0).types(0), "resize");
  EXPECT_FALSE(workers.workers(0).peer().empty());

  v1::HeartbeatRequest leave;
  *leave.mutable_worker() = request.worker();
  leave.set_leaving(true);
  v1::HeartbeatResponse left;
  ASSERT_TRUE(Call(&Stub::Heartbeat, leave, left).ok());
  ASSERT_TRUE(Call(&Stub::ListWorkers, v1::ListWorkersRequest(), workers).ok());
  EXPECT_EQ(workers.workers_size(), 0);
}

TEST_F(TaskServiceTest, ProgressOfARunningTaskIsShown) {
  const int64_t id = Submit(1).first_task_id();
  const v1::LeasedTask task = Take("w1", 1).at(0);
  v1::HeartbeatRequest heartbeat;
  heartbeat.mutable_worker()->set_id("w1");
  v1::HeldTask* held = heartbeat.add_held();
  held->set_task_id(id);
  held->set_lease_id(task.lease_id());
  held->mutable_progress()->set_fraction(0.5);
  held->mutable_progress()->set_message("half way");
  v1::HeartbeatResponse response;
  ASSERT_TRUE(Call(&Stub::Heartbeat, heartbeat, response).ok());
  EXPECT_EQ(Get(id).progress().fraction(), 0.5);
  EXPECT_EQ(Get(id).progress().message(), "half way");
}

TEST_F(TaskServiceTest, StatsTellThatEverythingIsSyncedByDefault) {
  EXPECT_EQ(Stats().store(), "sqlite");
  EXPECT_EQ(Stats().durability(), "fsync");
  options_.durability = "os";
  Start();
  EXPECT_EQ(Stats().durability(), "os");
}

TEST_F(TaskServiceTest, WhatDoesNotExistIsNotFound) {
  v1::GetTaskRequest task;
  task.set_task_id(4711);
  v1::GetTaskResponse task_response;
  grpc::Status status = Call(&Stub::GetTask, task, task_response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "there is no task 4711; it may have been purged (--retain)");

  v1::WatchBatchRequest watch;
  watch.set_batch_id(4711);
  grpc::ClientContext context;
  const auto stream = stub_->WatchBatch(&context, watch);
  v1::WatchBatchResponse message;
  EXPECT_FALSE(stream->Read(&message));
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::NOT_FOUND);

  v1::CancelTasksRequest cancel;
  cancel.add_task_ids(4711);
  v1::CancelTasksResponse cancelled;
  EXPECT_EQ(Call(&Stub::CancelTasks, cancel, cancelled).error_code(), grpc::StatusCode::NOT_FOUND);
}

// A call that is new in the contract is served, and its requests are looked at, only once
// checked_service.cc names it.
TEST_F(TaskServiceTest, OfEachCallOfTheContractTheRequestIsLookedAt) {
  const google::protobuf::ServiceDescriptor* service =
      v1::Task::descriptor()->file()->FindServiceByName("TaskService");
  ASSERT_GT(service->method_count(), 0);
  for (int i = 0; i < service->method_count(); ++i) {
    const std::string& name = service->method(i)->name();
    const absl::Status status =
        CallRaw(channel_, absl::StrCat("/tarea.v1.TaskService/", name), "\xff").status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << name << ": " << status;
  }
}

TEST_F(TaskServiceTest, HealthAnswersServing) {
  EXPECT_EQ(*CallRaw(channel_, "/grpc.health.v1.Health/Check", ""), "\x08\x01");
}

TEST_F(TaskServiceTest, ReflectionNamesTheService) {
  const std::string list_services("\x3a\x00", 2);
  EXPECT_NE(CallRaw(channel_, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                    list_services)
                ->find("tarea.v1.TaskService"),
            std::string::npos);
}

TEST_F(TaskServiceTest, APortInUseIsSaid) {
  MasterOptions second = options_;
  second.listen = absl::StrCat("127.0.0.1:", master_->port());
  second.data_dir = dir_.path() + "/second";
  const absl::Status status = Master::Start(second, [](const absl::Status&) {}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kUnavailable);
  EXPECT_NE(status.message().find("the port is in use"), absl::string_view::npos);
}

TEST_F(TaskServiceTest, OnlyLoopbackIsListenedOnUnlessInsecureIsSaid) {
  MasterOptions open = options_;
  open.listen = "0.0.0.0:0";
  open.data_dir = dir_.path() + "/second";
  EXPECT_EQ(Master::Start(open, [](const absl::Status&) {}).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace tarea
