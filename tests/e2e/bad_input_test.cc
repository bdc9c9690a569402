// What a real master answers to requests that make no sense: a code that tells whether to try
// again, and a message that tells what to change.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "absl/strings/str_cat.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::HasSubstr;

// Sends a request as it is, once.
template <typename Request, typename Response>
absl::Status Send(Connection& connection,
                  grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                  const Request& request) {
  Response response;
  return connection.Attempt(Process::kPatience, [&](Stub& stub, grpc::ClientContext& context) {
    return (stub.*method)(&context, request, &response);
  });
}

using Change = std::function<void(v1::TaskSpec&)>;

// Two tasks, of which the second is changed.
std::vector<v1::TaskSpec> Changed(const Change& change) {
  std::vector<v1::TaskSpec> tasks(2, EchoTask());
  change(tasks[1]);
  return tasks;
}

absl::Status Submit(Connection& connection, const Change& change) {
  v1::SubmitTasksRequest request;
  for (v1::TaskSpec& task : Changed(change)) *request.add_tasks() = std::move(task);
  return Send(connection, &Stub::SubmitTasks, request);
}

absl::Status List(Connection& connection,
                  const std::function<void(v1::ListTasksRequest&)>& change) {
  v1::ListTasksRequest request;
  change(request);
  return Send(connection, &Stub::ListTasks, request);
}

absl::Status Report(Connection& connection, const std::function<void(v1::TaskResult&)>& change) {
  v1::SubmitResultRequest request;
  request.mutable_worker()->set_id("w1");
  request.add_results()->set_task_id(1);
  request.mutable_results(0)->set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  change(*request.mutable_results(0));
  return Send(connection, &Stub::SubmitResult, request);
}

absl::Status Request(Connection& connection,
                     const std::function<void(v1::RequestTaskRequest&)>& change) {
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("w1");
  change(request);
  return Send(connection, &Stub::RequestTask, request);
}

struct BadRequest {
  const char* what;
  std::function<absl::Status(Cluster&)> send;
  StatusCode code;
  const char* message;
};

const std::string& TenMegabytes() {
  static const auto* const kText = new std::string(10 << 20, 'x');
  return *kText;
}

std::vector<BadRequest> BadTasks() {
  const auto task = [](const Change& change) {
    return [change](Cluster& cluster) { return Submit(cluster.connection(), change); };
  };
  return {
      {"no type", task([](v1::TaskSpec& t) { t.clear_type(); }), StatusCode::kInvalidArgument,
       "tasks[1].type is empty; it is required"},
      {"type with a blank", task([](v1::TaskSpec& t) { t.set_type("two words"); }),
       StatusCode::kInvalidArgument, "tasks[1].type is 'two words'"},
      {"type that is too long", task([](v1::TaskSpec& t) { t.set_type(std::string(129, 'x')); }),
       StatusCode::kInvalidArgument, "it must be 1 to 128"},
      {"queue with a newline", task([](v1::TaskSpec& t) { t.set_queue("a\nb"); }),
       StatusCode::kInvalidArgument, "tasks[1].queue is 'a\\nb'"},
      {"5 MB of payload", task([](v1::TaskSpec& t) { t.set_payload(std::string(5 << 20, 'x')); }),
       StatusCode::kInvalidArgument,
       "tasks[1].payload is 5242880 bytes; the limit is 4194304 (--max-payload)"},
      {"10 MB of payload", task([](v1::TaskSpec& t) { t.set_payload(TenMegabytes()); }),
       StatusCode::kResourceExhausted, "larger than max"},
      // By itself: what goes in a call before it would be stored.
      {"10 MB of payload, by the library",
       [](Cluster& c) { return c.client().Submit("bad", {EchoTask(TenMegabytes())}).status(); },
       StatusCode::kInvalidArgument, "tasks[0] has 10485"},
      {"priority", task([](v1::TaskSpec& t) { t.set_priority(101); }), StatusCode::kInvalidArgument,
       "tasks[1].priority is 101; it must be -100 to 100"},
      {"negative delay", task([](v1::TaskSpec& t) { t.mutable_delay()->set_seconds(-1); }),
       StatusCode::kInvalidArgument, "tasks[1].delay is -1s"},
      {"timeout of nothing", task([](v1::TaskSpec& t) { t.mutable_timeout(); }),
       StatusCode::kInvalidArgument, "tasks[1].timeout is 0"},
      {"attempts", task([](v1::TaskSpec& t) { t.mutable_retry()->set_max_attempts(1001); }),
       StatusCode::kInvalidArgument, "tasks[1].retry.max_attempts is 1001; it must be 1 to 1000"},
      {"labels", task([](v1::TaskSpec& t) {
         for (int i = 0; i < 17; ++i) (*t.mutable_labels())[absl::StrCat("l", i)] = "";
       }),
       StatusCode::kInvalidArgument, "tasks[1].labels has 17 entries; the limit is 16"},
      {"unknown OnParentFailure",
       task([](v1::TaskSpec& t) { t.set_on_parent_failure(v1::OnParentFailure{99}); }),
       StatusCode::kInvalidArgument, "tasks[1].on_parent_failure is 99"},
      {"parent that never was", task([](v1::TaskSpec& t) { t.add_depends_on(4711); }),
       StatusCode::kInvalidArgument, "tasks[1] depends on task 4711, which does not exist"},
      {"itself as parent", task([](v1::TaskSpec& t) { t.add_depends_on_index(1); }),
       StatusCode::kInvalidArgument, "tasks[1].depends_on_index has 1; it must name an earlier"},
      {"later one as parent", task([](v1::TaskSpec& t) { t.add_depends_on_index(2); }),
       StatusCode::kInvalidArgument, "tasks[1].depends_on_index has 2; it must name an earlier"},
      {"itself as parent, by the library",
       [](Cluster& c) {
         return c.client()
             .Submit("bad", Changed([](v1::TaskSpec& t) { t.add_depends_on_index(1); }))
             .status();
       },
       StatusCode::kInvalidArgument, "tasks[1].depends_on_index is 1; it must point to an earlier"},
  };
}

std::vector<BadRequest> BadBatches() {
  const auto submit = [](const std::function<void(v1::SubmitTasksRequest&)>& change) {
    return [change](Cluster& cluster) {
      v1::SubmitTasksRequest request;
      *request.add_tasks() = EchoTask();
      change(request);
      return Send(cluster.connection(), &Stub::SubmitTasks, request);
    };
  };
  return {
      {"a million and one", submit([](v1::SubmitTasksRequest& r) { r.set_total_tasks(1'000'001); }),
       StatusCode::kInvalidArgument,
       "the batch would have 1000001 tasks; the limit is 1000000 (--max-batch)"},
      {"100,001 in one call", submit([](v1::SubmitTasksRequest& r) {
         for (int i = 0; i < 100'000; ++i) r.add_tasks()->set_type("t");
       }),
       StatusCode::kInvalidArgument, "tasks has 100001 entries; the limit of one call is 100000"},
      {"batch that never was", submit([](v1::SubmitTasksRequest& r) { r.set_batch_id(4711); }),
       StatusCode::kNotFound, "there is no batch 4711"},
      {"name that is too long",
       submit([](v1::SubmitTasksRequest& r) { r.set_batch_name(std::string(257, 'x')); }),
       StatusCode::kInvalidArgument, "batch_name is 257 bytes; the limit is 256"},
  };
}

std::vector<BadRequest> BadReads() {
  const auto list = [](const std::function<void(v1::ListTasksRequest&)>& change) {
    return [change](Cluster& cluster) { return List(cluster.connection(), change); };
  };
  return {
      {"task that never was", [](Cluster& c) { return c.client().Get(4711).status(); },
       StatusCode::kNotFound, "there is no task 4711"},
      {"task 0", [](Cluster& c) { return c.client().Get(0).status(); },
       StatusCode::kInvalidArgument, "task_id is 0; ids are 1 or greater"},
      {"batch that never was", [](Cluster& c) { return c.client().GetBatch(4711).status(); },
       StatusCode::kNotFound, "there is no batch 4711"},
      {"watch of a batch that never was",
       [](Cluster& c) {
         return c.client().Watch(4711, {},
                                 [](const v1::WatchBatchResponse&) { return absl::OkStatus(); });
       },
       StatusCode::kNotFound, "there is no batch 4711"},
      {"page token", list([](v1::ListTasksRequest& r) { r.set_page_token("page two"); }),
       StatusCode::kInvalidArgument, "page_token is 'page two'; it must be the next_page_token"},
      {"page size", list([](v1::ListTasksRequest& r) { r.set_page_size(-1); }),
       StatusCode::kInvalidArgument, "page_size is -1; it must be 1 to 1000"},
      {"unknown state",
       list([](v1::ListTasksRequest& r) { r.mutable_filter()->add_states(v1::TaskState{99}); }),
       StatusCode::kInvalidArgument, "filter.states has 99, which is not a state of a task"},
      {"cancel of a task that never was",
       [](Cluster& c) {
         v1::CancelTasksRequest request;
         request.add_task_ids(4711);
         return c.client().Cancel(request).status();
       },
       StatusCode::kNotFound, "4711"},
      {"retry of nothing", [](Cluster& c) { return c.client().Retry({}).status(); },
       StatusCode::kInvalidArgument, "either task_ids or batch_id must be given"},
      {"pause of a queue without a name", [](Cluster& c) { return c.client().PauseQueue(""); },
       StatusCode::kInvalidArgument, "queue is empty; it is required"},
  };
}

std::vector<BadRequest> BadWork() {
  const auto report = [](const std::function<void(v1::TaskResult&)>& change) {
    return [change](Cluster& cluster) { return Report(cluster.connection(), change); };
  };
  const auto request = [](const std::function<void(v1::RequestTaskRequest&)>& change) {
    return [change](Cluster& cluster) { return Request(cluster.connection(), change); };
  };
  return {
      {"unknown outcome", report([](v1::TaskResult& r) { r.set_outcome(v1::ResultOutcome{99}); }),
       StatusCode::kInvalidArgument, "results[0].outcome is 99"},
      {"failure without an error",
       report([](v1::TaskResult& r) { r.set_outcome(v1::RESULT_OUTCOME_FAILED); }),
       StatusCode::kInvalidArgument, "results[0].error is missing"},
      {"10 MB of result", report([](v1::TaskResult& r) { r.set_result(TenMegabytes()); }),
       StatusCode::kResourceExhausted, "larger than max"},
      {"worker without an id",
       request([](v1::RequestTaskRequest& r) { r.mutable_worker()->clear_id(); }),
       StatusCode::kInvalidArgument, "worker.id is ''"},
      {"queue of a worker", request([](v1::RequestTaskRequest& r) { r.add_queues("two words"); }),
       StatusCode::kInvalidArgument, "'two words'"},
      {"fewer than no tasks", request([](v1::RequestTaskRequest& r) { r.set_max_tasks(-1); }),
       StatusCode::kInvalidArgument, "max_tasks is -1; it must not be negative"},
  };
}

TEST(BadInput, IsRefusedWithTheReasonAndTheMasterWorksOnAndHasStoredNothing) {
  Cluster cluster;
  cluster.StartMaster();
  for (const auto& requests : {BadTasks(), BadBatches(), BadReads(), BadWork()}) {
    for (const BadRequest& bad : requests) {
      const absl::Status status = bad.send(cluster);
      EXPECT_EQ(status.code(), bad.code) << bad.what << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(bad.message)) << bad.what;
      EXPECT_LT(status.message().size(), 500) << bad.what;
    }
  }

  const absl::StatusOr<v1::GetStatsResponse> stats = cluster.client().Stats();
  ASSERT_TRUE(stats.ok()) << stats.status();
  EXPECT_EQ(stats->batches(), 0);
  EXPECT_EQ(stats->counts().SerializeAsString(), "") << stats->counts().ShortDebugString();
  const absl::StatusOr<v1::ListQueuesResponse> queues = cluster.client().Queues();
  ASSERT_TRUE(queues.ok()) << queues.status();
  EXPECT_THAT(queues->queues(), testing::IsEmpty());

  cluster.StartWorker("w1");
  const int64_t id = SubmitTask(cluster.client(), EchoTask("still here"));
  EXPECT_EQ(AwaitState(cluster.client(), id, v1::TASK_STATE_SUCCEEDED).result(), "still here");
}

TEST(BadInput, AResultForAnAttemptThatIsOverIsStaleAndChangesNothing) {
  Cluster cluster;
  cluster.StartMaster();
  const int64_t id = SubmitTask(cluster.client(), EchoTask());
  FakeWorker slow(cluster.connection(), "slow");
  const std::vector<v1::LeasedTask> first = slow.Take(1);
  ASSERT_EQ(first.size(), 1);
  EXPECT_EQ(slow.Report(first[0], v1::RESULT_OUTCOME_RELEASED), v1::RESULT_STATUS_RECORDED);
  FakeWorker quick(cluster.connection(), "quick");
  const std::vector<v1::LeasedTask> second = quick.Take(1);
  ASSERT_EQ(second.size(), 1);

  EXPECT_EQ(slow.Report(first[0], v1::RESULT_OUTCOME_SUCCEEDED, "stale"), v1::RESULT_STATUS_STALE);
  EXPECT_EQ(GetTask(cluster.client(), id).state(), v1::TASK_STATE_RUNNING);
  EXPECT_EQ(quick.Report(second[0], v1::RESULT_OUTCOME_SUCCEEDED, "current"),
            v1::RESULT_STATUS_RECORDED);
  EXPECT_EQ(GetTask(cluster.client(), id).result(), "current");

  v1::LeasedTask never = second[0];
  never.set_task_id(4711);
  EXPECT_EQ(quick.Report(never, v1::RESULT_OUTCOME_SUCCEEDED), v1::RESULT_STATUS_UNKNOWN);
}

}  // namespace
}  // namespace tarea
