#include "master/request_validation.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/convert.h"

namespace tarea {
namespace {

using testing::HasSubstr;

v1::SubmitTasksRequest OneTask() {
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  return request;
}

TEST(ParseSubmitTasks, FillsInTheDefaultsThatTheContractNames) {
  const absl::StatusOr<InsertRequest> insert = ParseSubmitTasks(OneTask(), Limits());
  ASSERT_TRUE(insert.ok()) << insert.status();
  const TaskSpec& spec = insert->tasks.at(0);
  EXPECT_EQ(spec.queue, "default");
  EXPECT_EQ(spec.priority, 0);
  EXPECT_EQ(spec.delay, absl::ZeroDuration());
  EXPECT_EQ(spec.timeout, absl::InfiniteDuration());
  EXPECT_EQ(spec.expires_in, absl::InfiniteDuration());
  EXPECT_EQ(spec.retry, RetryPolicy());
  EXPECT_EQ(spec.retry.max_attempts, 3);
  EXPECT_FALSE(spec.run_on_parent_failure);
}

TEST(ParseSubmitTasks, CutsDurationsToWholeMicroseconds) {
  v1::SubmitTasksRequest request = OneTask();
  request.mutable_tasks(0)->mutable_delay()->set_nanos(1999);
  EXPECT_EQ(ParseSubmitTasks(request, Limits())->tasks[0].delay, absl::Microseconds(1));
}

TEST(ParseSubmitTasks, SameContentHasTheSameHashWhateverTheOrderOfItsLabels) {
  v1::SubmitTasksRequest a = OneTask();
  v1::SubmitTasksRequest b = OneTask();
  a.set_request_id("r");
  b.set_request_id("r");
  for (int i = 0; i < 10; ++i) {
    (*a.mutable_tasks(0)->mutable_labels())[absl::StrCat("l", i)] = "x";
    (*b.mutable_tasks(0)->mutable_labels())[absl::StrCat("l", 9 - i)] = "x";
  }
  const std::string hash = ParseSubmitTasks(a, Limits())->content_hash;
  EXPECT_EQ(hash, ParseSubmitTasks(b, Limits())->content_hash);
  b.mutable_tasks(0)->set_payload("other");
  EXPECT_NE(hash, ParseSubmitTasks(b, Limits())->content_hash);
}

struct BadSubmit {
  std::string name;
  std::function<void(v1::SubmitTasksRequest&)> spoil;
  std::string message;
};

class ParseSubmitTasksRefuses : public testing::TestWithParam<BadSubmit> {};

TEST_P(ParseSubmitTasksRefuses, AndSaysWhatIsWrong) {
  v1::SubmitTasksRequest request = OneTask();
  GetParam().spoil(request);
  const absl::Status status = ParseSubmitTasks(request, Limits()).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(GetParam().message));
}

v1::TaskSpec& Task(v1::SubmitTasksRequest& request) { return *request.mutable_tasks(0); }

INSTANTIATE_TEST_SUITE_P(
    EachField, ParseSubmitTasksRefuses,
    testing::Values(
        BadSubmit{"EmptyType", [](auto& r) { Task(r).clear_type(); }, "tasks[0].type is empty"},
        BadSubmit{"TypeWithBlank", [](auto& r) { Task(r).set_type("a b"); },
                  "tasks[0].type is 'a b'; it must be 1 to 128 letters"},
        BadSubmit{"LongType", [](auto& r) { Task(r).set_type(std::string(129, 'a')); },
                  "tasks[0].type"},
        BadSubmit{"Queue", [](auto& r) { Task(r).set_queue("q\n"); }, "tasks[0].queue is 'q\\n'"},
        BadSubmit{"Payload", [](auto& r) { Task(r).set_payload(std::string(4194305, 'x')); },
                  "tasks[0].payload is 4194305 bytes; the limit is 4194304 (--max-payload)"},
        BadSubmit{"Priority", [](auto& r) { Task(r).set_priority(101); },
                  "priority is 101; it must be -100 to 100"},
        BadSubmit{"NegativeDelay", [](auto& r) { Task(r).mutable_delay()->set_seconds(-5); },
                  "tasks[0].delay is -5s; it must be 0"},
        BadSubmit{"LongDelay",
                  [](auto& r) { Task(r).mutable_delay()->set_seconds(366 * 24 * 3600); },
                  "tasks[0].delay is 8784h"},
        BadSubmit{"ZeroTimeout", [](auto& r) { Task(r).mutable_timeout(); },
                  "tasks[0].timeout is 0"},
        BadSubmit{"ZeroExpiry", [](auto& r) { Task(r).mutable_expires_in(); },
                  "tasks[0].expires_in is 0"},
        BadSubmit{"Key", [](auto& r) { Task(r).set_key(std::string(257, 'k')); },
                  "tasks[0].key is 257 bytes; the limit is 256"},
        BadSubmit{"DependsOnZero", [](auto& r) { Task(r).add_depends_on(0); },
                  "tasks[0].depends_on has 0"},
        BadSubmit{"TooManyParents",
                  [](auto& r) {
                    for (int i = 1; i <= 1001; ++i) Task(r).add_depends_on(i);
                  },
                  "depends on 1001 tasks; the limit is 1000 (--max-depends-on)"},
        BadSubmit{
            "OnParentFailure",
            [](auto& r) { Task(r).set_on_parent_failure(static_cast<v1::OnParentFailure>(9)); },
            "on_parent_failure is 9"},
        BadSubmit{"Attempts", [](auto& r) { Task(r).mutable_retry()->set_max_attempts(-1); },
                  "retry.max_attempts is -1; it must be 1 to 1000"},
        BadSubmit{"Multiplier", [](auto& r) { Task(r).mutable_retry()->set_multiplier(0.5); },
                  "retry.multiplier is 0.5; it must be 1 to 100"},
        BadSubmit{"MultiplierNan",
                  [](auto& r) {
                    Task(r).mutable_retry()->set_multiplier(
                        std::numeric_limits<double>::quiet_NaN());
                  },
                  "retry.multiplier is nan"},
        BadSubmit{"Jitter", [](auto& r) { Task(r).mutable_retry()->set_jitter(1.5); },
                  "retry.jitter is 1.5"},
        BadSubmit{"BackoffOrder",
                  [](auto& r) {
                    Task(r).mutable_retry()->mutable_initial_backoff()->set_seconds(10);
                    Task(r).mutable_retry()->mutable_max_backoff()->set_seconds(5);
                  },
                  "retry.max_backoff is 5s; it must be 10s to 720h"},
        BadSubmit{"RetryCode", [](auto& r) { Task(r).mutable_retry()->add_non_retryable_codes(0); },
                  "non_retryable_codes has 0"},
        BadSubmit{"LabelName", [](auto& r) { (*Task(r).mutable_labels())["a b"] = "x"; },
                  "tasks[0].labels has the name 'a b'"},
        BadSubmit{"LabelCount",
                  [](auto& r) {
                    for (int i = 0; i < 17; ++i) (*Task(r).mutable_labels())[absl::StrCat(i)] = "";
                  },
                  "tasks[0].labels has 17 entries; the limit is 16"},
        BadSubmit{"RequestId", [](auto& r) { r.set_request_id(std::string(129, 'r')); },
                  "request_id is 129 bytes"},
        BadSubmit{"BatchName", [](auto& r) { r.set_batch_name(std::string(257, 'n')); },
                  "batch_name is 257 bytes"},
        BadSubmit{"BatchId", [](auto& r) { r.set_batch_id(-1); }, "batch_id is -1"},
        BadSubmit{"TotalTasks", [](auto& r) { r.set_total_tasks(-1); }, "total_tasks is -1"},
        BadSubmit{"TasksPerCall",
                  [](auto& r) {
                    for (int i = 0; i < 100'000; ++i) r.add_tasks();
                  },
                  "tasks has 100001 entries; the limit of one call is 100000"}),
    [](const auto& param_info) { return param_info.param.name; });

v1::SubmitResultRequest OneResult() {
  v1::SubmitResultRequest request;
  v1::TaskResult* result = request.add_results();
  result->set_task_id(1);
  result->set_lease_id(1);
  result->set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  return request;
}

TEST(ParseResults, RefusesAnOutcomeThatIsNone) {
  v1::SubmitResultRequest request = OneResult();
  for (const int outcome : {0, 17}) {
    request.mutable_results(0)->set_outcome(static_cast<v1::ResultOutcome>(outcome));
    EXPECT_THAT(std::string(ParseResults(request, Limits()).status().message()),
                HasSubstr(absl::StrCat("results[0].outcome is ", outcome)));
  }
}

TEST(ParseResults, RefusesALongResult) {
  v1::SubmitResultRequest request = OneResult();
  request.mutable_results(0)->set_result(std::string(4194305, 'x'));
  EXPECT_THAT(std::string(ParseResults(request, Limits()).status().message()),
              HasSubstr("results[0].result is 4194305 bytes; the limit is 4194304 (--max-result)"));
}

TEST(ParseResults, RefusesAFailureWithoutAnError) {
  v1::SubmitResultRequest request = OneResult();
  request.mutable_results(0)->set_outcome(v1::RESULT_OUTCOME_FAILED);
  EXPECT_THAT(std::string(ParseResults(request, Limits()).status().message()),
              HasSubstr("results[0].error is missing"));
}

TEST(ParseResults, CutsALongErrorAtACharacter) {
  v1::SubmitResultRequest request = OneResult();
  request.mutable_results(0)->set_outcome(v1::RESULT_OUTCOME_FAILED);
  std::string message = "x";
  for (int i = 0; i < 10'000; ++i) message += "\u00e9";  // two bytes each, at odd positions
  request.mutable_results(0)->mutable_error()->set_message(message);
  const std::string cut = ParseResults(request, Limits())->at(0).error.message;
  EXPECT_EQ(cut, message.substr(0, 16383) + " [cut]");
}

TEST(ParseRequestTask, CutsMaxTasksToTheLimitAndRefusesNegativeOnes) {
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("w");
  EXPECT_EQ(ParseRequestTask(request, Limits())->max_tasks, 1);
  request.set_max_tasks(4097);
  EXPECT_EQ(ParseRequestTask(request, Limits())->max_tasks, 4096);
  request.set_max_tasks(-1);
  EXPECT_THAT(std::string(ParseRequestTask(request, Limits()).status().message()),
              HasSubstr("max_tasks is -1; it must not be negative"));
}

TEST(ParseRequestTask, TakesSharesOfItsQueuesOnly) {
  v1::RequestTaskRequest request;
  v1::QueueShare* share = request.add_shares();
  share->set_queue("default");
  share->set_tasks(3);
  const absl::StatusOr<ClaimRequest> claim = ParseRequestTask(request, Limits());
  ASSERT_TRUE(claim.ok()) << claim.status();
  ASSERT_EQ(claim->shares.size(), 1);
  EXPECT_EQ(claim->shares[0].queue, "default");
  EXPECT_EQ(claim->shares[0].tasks, 3);

  request.add_queues("images");
  EXPECT_THAT(std::string(ParseRequestTask(request, Limits()).status().message()),
              HasSubstr("shares[0].queue is 'default'; it must be one of queues"));
  request.add_queues("default");
  share->set_tasks(-1);
  EXPECT_THAT(std::string(ParseRequestTask(request, Limits()).status().message()),
              HasSubstr("shares[0].tasks is -1; it must not be negative"));
}

TEST(ParseRequestTask, TakesAtMostAsManySharesAsQueues) {
  v1::RequestTaskRequest request;
  for (int i = 0; i < 65; ++i) request.add_shares()->set_queue("default");
  EXPECT_THAT(std::string(ParseRequestTask(request, Limits()).status().message()),
              HasSubstr("shares has 65 entries; the limit is 64"));
}

TEST(ParseWorker, HoldsLabelsToTheLimitsOfTheTasks) {
  v1::WorkerInfo info;
  info.set_id("w");
  (*info.mutable_labels())["zone"] = "a";
  EXPECT_EQ(ParseWorker(info, "peer")->labels.at("zone"), "a");
  (*info.mutable_labels())["no spaces"] = "";
  EXPECT_THAT(std::string(ParseWorker(info, "peer").status().message()),
              HasSubstr("worker.labels has the name 'no spaces'"));
  info.clear_labels();
  (*info.mutable_labels())["long"] = std::string(257, 'x');
  EXPECT_THAT(std::string(ParseWorker(info, "peer").status().message()),
              HasSubstr("worker.labels['long'] is 257 bytes; the limit is 256"));
  info.clear_labels();
  for (int i = 0; i < 17; ++i) (*info.mutable_labels())[std::to_string(i)] = "";
  EXPECT_THAT(std::string(ParseWorker(info, "peer").status().message()),
              HasSubstr("worker.labels has 17 entries; the limit is 16"));
}

TEST(ParseWorker, NeedsAnId) {
  EXPECT_THAT(std::string(ParseWorker({}, "peer").status().message()),
              HasSubstr("worker.id is ''; it must be 1 to 128"));
}

TEST(ParseListTasks, TakesOnlyItsOwnPageTokens) {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_queue("q");
  request.set_page_token(NextPageToken(request, 17));
  EXPECT_EQ(ParseListTasks(request)->after, 17);

  request.set_page_size(7);  // may change from page to page
  EXPECT_TRUE(ParseListTasks(request).ok());
  request.mutable_filter()->set_queue("other");
  EXPECT_THAT(std::string(ParseListTasks(request).status().message()),
              HasSubstr("page_token is '17-"));
  for (const char* token : {"x", "17", "-3-abc", "17-", "99999999999999999999-aa"}) {
    request.set_page_token(token);
    EXPECT_EQ(ParseListTasks(request).status().code(), absl::StatusCode::kInvalidArgument) << token;
  }
}

TEST(ParseListTasks, RefusesAStateThatIsNone) {
  v1::ListTasksRequest request;
  request.mutable_filter()->add_states(static_cast<v1::TaskState>(42));
  EXPECT_THAT(std::string(ParseListTasks(request).status().message()),
              HasSubstr("filter.states has 42"));
}

TEST(ParseListTasks, RefusesAPageSizeOutOfRange) {
  v1::ListTasksRequest request;
  request.set_page_size(1001);
  EXPECT_THAT(std::string(ParseListTasks(request).status().message()),
              HasSubstr("page_size is 1001; it must be 1 to 1000"));
}

TEST(ParseSelection, WantsIdsOrABatchAndNotBoth) {
  google::protobuf::RepeatedField<int64_t> ids;
  EXPECT_FALSE(ParseSelection(ids, 0).ok());
  EXPECT_TRUE(ParseSelection(ids, 1).ok());
  ids.Add(5);
  EXPECT_TRUE(ParseSelection(ids, 0).ok());
  EXPECT_FALSE(ParseSelection(ids, 1).ok());
  ids.Add(-5);
  EXPECT_THAT(std::string(ParseSelection(ids, 0).status().message()),
              HasSubstr("task_ids is -5; ids are 1 or greater"));
}

TEST(ParseHeld, TakesTheOutputOfFollowedTasksAndRefusesWhatIsNone) {
  v1::HeartbeatRequest request;
  v1::HeldTask* held = request.add_held();
  EXPECT_FALSE(ParseHeld(request)->at(0).output.has_value());
  v1::OutputChunk* chunk = held->mutable_output()->add_chunks();
  chunk->set_stream(v1::OUTPUT_STREAM_STDERR);
  chunk->set_offset(7);
  chunk->set_data("oops");
  held->mutable_output()->set_stderr_size(11);
  const TaskOutput output = *ParseHeld(request)->at(0).output;
  EXPECT_EQ(output.chunks.at(0),
            (OutputChunk{.stream = OutputStream::kStderr, .offset = 7, .data = "oops"}));
  EXPECT_EQ(output.sizes[OutputStream::kStderr], 11);

  chunk->set_offset(-1);
  EXPECT_EQ(ParseHeld(request).status().message(),
            "held.output.chunks.offset is -1; it must be 0 to 1152921504606846976");
  chunk->set_offset(7);
  chunk->set_stream(v1::OUTPUT_STREAM_UNSPECIFIED);
  EXPECT_TRUE(absl::IsInvalidArgument(ParseHeld(request).status()));
  chunk->set_stream(v1::OUTPUT_STREAM_STDOUT);
  held->mutable_output()->set_stdout_size(std::numeric_limits<int64_t>::max());
  EXPECT_TRUE(absl::IsInvalidArgument(ParseHeld(request).status()));
}

TEST(ParseWatchTask, RefusesWhatIsNoTaskAndNoOffset) {
  v1::WatchTaskRequest request;
  EXPECT_EQ(ParseWatchTask(request).status().code(), absl::StatusCode::kInvalidArgument);
  request.set_task_id(1);
  request.set_stderr_offset(5);
  EXPECT_EQ((*ParseWatchTask(request))[OutputStream::kStderr], 5);
  request.set_stdout_offset(-5);
  EXPECT_EQ(ParseWatchTask(request).status().message(),
            "stdout_offset is -5; it must be 0 to 1152921504606846976");
}

}  // namespace
}  // namespace tarea
