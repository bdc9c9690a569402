// The promises of docs/reliability.md, through gRPC. Those that need a process to be killed are in
// tests/e2e.

#include <atomic>
#include <set>
#include <thread>

#include "tests/integration/master_fixture.h"

namespace tarea {
namespace {

using Stub = v1::TaskService::Stub;
class Promises : public MasterFixture {};

// --- 2: at least once, recorded once
// ---------------------------------------------------------------------

TEST_F(Promises, AResultForALeaseThatIsNotCurrentIsStaleAndChangesNothing) {
  options_.dispatcher.lease = absl::Milliseconds(200);
  Start();
  const int64_t id = Submit(1).first_task_id();
  const v1::LeasedTask lost = Take("w1", 1).at(0);
  const v1::LeasedTask current = Take("w2", 1).at(0);  // when the lease of w1 has run out
  EXPECT_EQ(current.attempt(), 2);
  EXPECT_EQ(Report(lost, v1::RESULT_OUTCOME_SUCCEEDED, "late"), v1::RESULT_STATUS_STALE);
  EXPECT_EQ(Get(id).state(), v1::TASK_STATE_RUNNING);
  EXPECT_EQ(Report(current, v1::RESULT_OUTCOME_SUCCEEDED, "good"), v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(Get(id).result(), "good");
}

TEST_F(Promises, TheSameResultTwiceIsRecordedTwiceAndAnotherOneIsRefused) {
  const int64_t id = Submit(1).first_task_id();
  const v1::LeasedTask task = Take("w1", 1).at(0);
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_SUCCEEDED, "a"), v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_SUCCEEDED, "a"), v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_SUCCEEDED, "b"), v1::RESULT_STATUS_STALE);
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_FAILED), v1::RESULT_STATUS_STALE);
  EXPECT_EQ(Get(id).result(), "a");
}

TEST_F(Promises, AResultForATaskThatNeverWasIsUnknown) {
  v1::LeasedTask task;
  task.set_task_id(4711);
  task.set_lease_id(1);
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_SUCCEEDED), v1::RESULT_STATUS_UNKNOWN);
}

// --- 3: idempotent submission
// ----------------------------------------------------------------------------

TEST_F(Promises, FiftyRacingSubmissionsWithOneRequestIdAreOneBatch) {
  v1::SubmitTasksRequest request;
  request.set_request_id("once");
  for (int i = 0; i < 10; ++i) request.add_tasks()->set_type("echo");
  std::vector<std::thread> threads;
  std::vector<int64_t> batches(50);
  for (int i = 0; i < 50; ++i) {
    threads.emplace_back([&, i] { batches[i] = Submit(request).batch_id(); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(std::set<int64_t>(batches.begin(), batches.end()).size(), 1);
  EXPECT_EQ(Stats().counts().ready(), 10);
}

TEST_F(Promises, ARequestIdIsRememberedAcrossARestart) {
  v1::SubmitTasksRequest request;
  request.set_request_id("once");
  request.add_tasks()->set_type("echo");
  const int64_t batch = Submit(request).batch_id();
  Start();
  EXPECT_EQ(Submit(request).batch_id(), batch);

  request.mutable_tasks(0)->set_payload("other");
  v1::SubmitTasksResponse response;
  EXPECT_EQ(Call(&Stub::SubmitTasks, request, response).error_code(),
            grpc::StatusCode::ALREADY_EXISTS);
}

TEST_F(Promises, AKeyIsUniqueInItsQueueWhileItsTaskIsUnfinished) {
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  request.mutable_tasks(0)->set_key("k");
  const int64_t id = Submit(request).first_task_id();
  const v1::SubmitTasksResponse second = Submit(request);
  ASSERT_EQ(second.existing_size(), 1);
  EXPECT_EQ(second.existing(0).task_id(), id);
  Report(Take("w1", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED);
  EXPECT_EQ(Submit(request).existing_size(), 0);
}

// --- 4: a lost worker costs one lease
// --------------------------------------------------------------------

TEST_F(Promises, ALeaseOutlivesARestartOfTheMasterAndItsResultIsTaken) {
  const int64_t id = Submit(1).first_task_id();
  const v1::LeasedTask task = Take("w1", 1).at(0);
  Start();
  EXPECT_EQ(Get(id).state(), v1::TASK_STATE_RUNNING);
  EXPECT_TRUE(Take("w2", 1, absl::ZeroDuration()).empty());
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_SUCCEEDED, "done"), v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(Get(id).attempts_size(), 1);
}

TEST_F(Promises, WhatAWorkerGivesBackIsHandedOutAtOnceWithoutCountingAnAttempt) {
  Submit(1);
  const v1::LeasedTask task = Take("w1", 1).at(0);
  EXPECT_EQ(Report(task, v1::RESULT_OUTCOME_RELEASED), v1::RESULT_STATUS_RECORDED);
  const v1::LeasedTask again = Take("w2", 1, absl::ZeroDuration()).at(0);
  EXPECT_EQ(again.attempt(), 1);
  EXPECT_NE(again.lease_id(), task.lease_id());
}

// --- 5: order
// ----------------------------------------------------------------------------------------------

TEST_F(Promises, HigherPriorityFirstThenTheOrderOfSubmission) {
  v1::SubmitTasksRequest request;
  for (const int priority : {0, 5, -5, 5, 0}) {
    v1::TaskSpec* task = request.add_tasks();
    task->set_type("echo");
    task->set_priority(priority);
  }
  const int64_t first = Submit(request).first_task_id();
  std::vector<int64_t> order;
  for (const v1::LeasedTask& task : Take("w1", 10)) order.push_back(task.task_id() - first);
  EXPECT_EQ(order, (std::vector<int64_t>{1, 3, 0, 4, 2}));
}

// --- 6: cancel is prompt
// -------------------------------------------------------------------------------------

TEST_F(Promises, AWaitingTaskIsCancelledAtOnceAndARunningOneIsToldThroughItsParkedHeartbeat) {
  const v1::SubmitTasksResponse batch = Submit(2);
  const v1::LeasedTask running = Take("w1", 1).at(0);
  v1::HeartbeatRequest heartbeat;
  heartbeat.mutable_worker()->set_id("w1");
  v1::HeldTask* held = heartbeat.add_held();
  held->set_task_id(running.task_id());
  held->set_lease_id(running.lease_id());
  heartbeat.mutable_wait()->set_seconds(10);
  v1::HeartbeatResponse told;
  std::thread parked([&] {
    grpc::ClientContext context;
    EXPECT_TRUE(stub_->Heartbeat(&context, heartbeat, &told).ok());
  });

  v1::CancelTasksRequest cancel;
  cancel.set_batch_id(batch.batch_id());
  cancel.set_reason("no longer needed");
  v1::CancelTasksResponse answer;
  ASSERT_TRUE(Call(&Stub::CancelTasks, cancel, answer).ok());
  EXPECT_EQ(answer.cancelled(), 1);
  EXPECT_EQ(answer.stopping(), 1);
  EXPECT_EQ(Get(batch.first_task_id() + 1).state(), v1::TASK_STATE_CANCELLED);
  parked.join();
  ASSERT_EQ(told.stop_size(), 1);
  EXPECT_EQ(told.stop(0).lease_id(), running.lease_id());
  EXPECT_EQ(told.stop(0).reason(), v1::STOP_REASON_CANCELLED);
  EXPECT_EQ(Report(running, v1::RESULT_OUTCOME_CANCELLED), v1::RESULT_STATUS_RECORDED);
  const v1::Task task = Get(running.task_id());
  EXPECT_EQ(task.state(), v1::TASK_STATE_CANCELLED);
  EXPECT_EQ(task.error().message(), "no longer needed");
}

// --- 7: nothing is unbounded
// ---------------------------------------------------------------------------------

TEST_F(Promises, AMessageThatIsTooLongIsRefusedAndTheConnectionGoesOn) {
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  request.mutable_tasks(0)->set_payload(std::string(10 << 20, 'x'));
  v1::SubmitTasksResponse response;
  const grpc::Status status = Call(&Stub::SubmitTasks, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(Stats().counts().ready(), 0);
  Submit(1);
}

TEST_F(Promises, ABatchOfAMillionAndOneIsRefusedAtItsFirstCall) {
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  request.set_keep_open(true);
  request.set_total_tasks(1'000'001);
  v1::SubmitTasksResponse response;
  const grpc::Status status = Call(&Stub::SubmitTasks, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(status.error_message(),
            "the batch would have 1000001 tasks; the limit is 1000000 (--max-batch)");
}

TEST_F(Promises, AFullQueueSaysTryAgainLater) {
  options_.store_limits.max_queue_depth = 5;
  Start();
  Submit(5);
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  v1::SubmitTasksResponse response;
  const grpc::Status status = Call(&Stub::SubmitTasks, request, response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_NE(status.error_message().find("--max-queue-depth"), std::string::npos);
  Report(Take("w1", 1).at(0), v1::RESULT_OUTCOME_SUCCEEDED);
  Submit(1);
}

TEST_F(Promises, ParkedPollsAreBoundedAndNeverStarveOtherCalls) {
  options_.dispatcher.max_workers = 20;
  Start();
  std::vector<std::thread> polls;
  std::atomic<int> tasks = 0;
  for (int i = 0; i < 20; ++i) {
    polls.emplace_back([&, i] { tasks += static_cast<int>(Take(absl::StrCat("w", i), 1).size()); });
  }
  while (Stats().parked_polls() < 20) std::this_thread::yield();
  v1::RequestTaskResponse response;
  EXPECT_EQ(Request("one too many", 1, absl::Seconds(30), response).error_code(),
            grpc::StatusCode::INVALID_ARGUMENT);  // blanks in the id
  EXPECT_EQ(Request("one-too-many", 1, absl::Seconds(30), response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  Submit(20);
  for (std::thread& poll : polls) poll.join();
  EXPECT_EQ(tasks, 20);
}

TEST_F(Promises, WatchersAreBounded) {
  options_.dispatcher.max_watchers = 1;
  Start();
  v1::WatchBatchRequest request;
  request.set_batch_id(Submit(1).batch_id());
  grpc::ClientContext first;
  const auto stream = stub_->WatchBatch(&first, request);
  v1::WatchBatchResponse message;
  ASSERT_TRUE(stream->Read(&message));
  grpc::ClientContext second;
  const auto refused = stub_->WatchBatch(&second, request);
  EXPECT_FALSE(refused->Read(&message));
  EXPECT_EQ(refused->Finish().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  first.TryCancel();
}

TEST_F(Promises, FinishedTasksAreForgottenAfterRetain) {
  options_.dispatcher.retain = absl::Milliseconds(50);
  Start();
  const v1::SubmitTasksResponse batch = Submit(3);
  for (const v1::LeasedTask& task : Take("w1", 3)) Report(task, v1::RESULT_OUTCOME_SUCCEEDED);
  v1::GetBatchRequest request;
  request.set_batch_id(batch.batch_id());
  v1::GetBatchResponse response;
  while (Call(&Stub::GetBatch, request, response).ok()) std::this_thread::yield();
  EXPECT_EQ(Stats().counts().succeeded(), 0);
}

// --- 8: time is the master's
// -----------------------------------------------------------------------------------

void ExpectNoTimestamp(const google::protobuf::Descriptor& message, const std::string& path) {
  for (int i = 0; i < message.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *message.field(i);
    if (field.message_type() == nullptr) continue;
    EXPECT_NE(field.message_type()->full_name(), "google.protobuf.Timestamp")
        << path << "." << field.name();
    ExpectNoTimestamp(*field.message_type(), path + "." + field.name());
  }
}

TEST_F(Promises, NoRequestCarriesAPointInTime) {
  const google::protobuf::ServiceDescriptor* service =
      v1::SubmitTasksRequest::descriptor()->file()->FindServiceByName("TaskService");
  ASSERT_NE(service, nullptr);
  ASSERT_GE(service->method_count(), 16);
  for (int i = 0; i < service->method_count(); ++i) {
    ExpectNoTimestamp(*service->method(i)->input_type(), service->method(i)->name());
  }
}

}  // namespace
}  // namespace tarea
