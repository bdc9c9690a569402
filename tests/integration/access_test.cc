// Who may make which call: each call of the contract, by each kind of caller, over TLS.

#include <gmock/gmock.h>
#include <google/protobuf/descriptor.h>

#include <map>
#include <string>
#include <vector>

#include "common/status_grpc.h"
#include "master/security/tokens.h"
#include "tests/integration/tls_fixture.h"
#include "tests/support/raw_call.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::Not;

// What is asked of a caller who is not allowed the queue of what the request names.
enum class ElsewhereIs {
  kDenied,
  kNotShown,  // the call is about all queues, and shows the caller's own
};

struct Rpc {
  std::string name;
  Role role;
  ElsewhereIs elsewhere;
  std::string request;  // about the task and the batch of the queue "videos"
};

class AccessTest : public TlsFixture {
 protected:
  void SetUp() override {
    options_.tokens = true;
    options_.server_limits.max_auth_failures = 1000;
    TlsFixture::SetUp();
    absl::StatusOr<std::unique_ptr<Tokens>> tokens = Tokens::Open(options_.data_dir);
    ASSERT_TRUE(tokens.ok()) << tokens.status();
    tokens_ = *std::move(tokens);
    Issue("pki", "admin", {.role = Role::kAdmin, .queues = {}});
    MakeAuthority("other");
    Issue("other", "stranger", {.role = Role::kAdmin, .queues = {}});
    Issue("pki", "expired", {.role = Role::kAdmin, .queues = {}}, /*is_valid=*/false);
    Submit("videos");
  }

  void Submit(const std::string& queue) {
    const auto channel = Channel("pki/admin");
    v1::SubmitTasksRequest request;
    request.set_batch_name("secret-of-" + queue);
    v1::TaskSpec* task = request.add_tasks();
    task->set_type("t");
    task->set_queue(queue);
    const absl::StatusOr<std::string> bytes =
        Call(channel, "SubmitTasks", request.SerializeAsString());
    ASSERT_TRUE(bytes.ok()) << bytes.status();
    v1::SubmitTasksResponse response;
    ASSERT_TRUE(response.ParseFromString(*bytes));
    batch_ = response.batch_id();
    task_ = response.first_task_id();
    // So that those who watch it come to an end.
    v1::CancelTasksRequest cancel;
    cancel.set_batch_id(batch_);
    ASSERT_TRUE(Call(channel, "CancelTasks", cancel.SerializeAsString()).ok());
  }

  std::shared_ptr<grpc::Channel> Channel(const std::string& certificate) const {
    return grpc::CreateChannel(absl::StrCat("127.0.0.1:", master_->port()), OthersOf(certificate));
  }

  static absl::StatusOr<std::string> Call(const std::shared_ptr<grpc::Channel>& channel,
                                          const std::string& name, const std::string& request,
                                          const std::string& token = "") {
    return CallRaw(channel, "/tarea.v1.TaskService/" + name, request, token);
  }

  std::string Token(Role role, std::vector<std::string> queues = {},
                    absl::Duration expires = absl::Hours(1)) {
    // Made in the past, so that it can have expired.
    const absl::Time now = absl::Now() - absl::Hours(2);
    const absl::StatusOr<NewToken> token = tokens_->Create(
        "", {.role = role, .queues = std::move(queues)}, now, now + absl::Hours(2) + expires);
    EXPECT_TRUE(token.ok()) << token.status();
    return token->secret;
  }

  template <typename Request>
  Rpc Make(Role role, ElsewhereIs elsewhere, Request request) const {
    std::string name = Request::descriptor()->name();
    name.resize(name.size() - std::string("Request").size());
    return {std::move(name), role, elsewhere, request.SerializeAsString()};
  }

  // Each time of another worker: one belongs to whom it was first of.
  std::vector<Rpc> AllRpcs() {
    const std::string worker = absl::StrCat("w", ++workers_);
    v1::SubmitTasksRequest submit;
    for (const char* queue : {"images", "videos"}) {
      v1::TaskSpec* task = submit.add_tasks();
      task->set_type("t");
      task->set_queue(queue);
    }
    v1::GetTaskRequest get_task;
    get_task.set_task_id(task_);
    v1::ListTasksRequest list_tasks;
    list_tasks.mutable_filter()->set_queue("videos");
    v1::GetBatchRequest get_batch;
    get_batch.set_batch_id(batch_);
    v1::WatchBatchRequest watch_batch;
    watch_batch.set_batch_id(batch_);
    v1::WatchTaskRequest watch_task;
    watch_task.set_task_id(task_);
    v1::CancelTasksRequest cancel;
    cancel.add_task_ids(task_);
    v1::RetryTasksRequest retry;
    retry.set_batch_id(batch_);
    v1::RequestTaskRequest request_task;
    request_task.mutable_worker()->set_id(worker);
    request_task.set_max_tasks(1);
    request_task.add_queues("images");
    request_task.add_queues("videos");
    v1::SubmitResultRequest result;
    result.mutable_worker()->set_id(worker);
    result.add_results()->set_task_id(task_);
    result.mutable_results(0)->set_lease_id(1);
    result.mutable_results(0)->set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
    v1::HeartbeatRequest heartbeat;
    heartbeat.mutable_worker()->set_id(worker);
    heartbeat.add_held()->set_task_id(task_);
    heartbeat.mutable_held(0)->set_lease_id(1);
    v1::PauseQueueRequest pause;
    pause.set_queue("videos");
    v1::ResumeQueueRequest resume;
    resume.set_queue("videos");
    constexpr auto kDenied = ElsewhereIs::kDenied;
    constexpr auto kNotShown = ElsewhereIs::kNotShown;
    return {Make(Role::kSubmit, kDenied, submit),
            Make(Role::kRead, kDenied, get_task),
            Make(Role::kRead, kDenied, list_tasks),
            Make(Role::kRead, kDenied, get_batch),
            Make(Role::kRead, kNotShown, v1::ListBatchesRequest()),
            Make(Role::kRead, kDenied, watch_batch),
            Make(Role::kRead, kDenied, watch_task),
            Make(Role::kSubmit, kDenied, cancel),
            Make(Role::kSubmit, kDenied, retry),
            Make(Role::kWork, kDenied, request_task),
            Make(Role::kWork, kDenied, result),
            Make(Role::kWork, kDenied, heartbeat),
            Make(Role::kRead, kNotShown, v1::GetStatsRequest()),
            Make(Role::kRead, kNotShown, v1::ListQueuesRequest()),
            Make(Role::kAdmin, kDenied, pause),
            Make(Role::kAdmin, kDenied, resume),
            Make(Role::kRead, kNotShown, v1::ListWorkersRequest())};
  }

  // Makes each call; the status of each has the code, and its message the text.
  void ExpectAll(const std::shared_ptr<grpc::Channel>& channel, const std::string& token,
                 StatusCode code, const std::string& text) {
    for (const Rpc& rpc : AllRpcs()) {
      const absl::Status status = Call(channel, rpc.name, rpc.request, token).status();
      EXPECT_EQ(status.code(), code) << rpc.name << ": " << status;
      EXPECT_THAT(std::string(status.message()), HasSubstr(text)) << rpc.name;
    }
  }

  std::unique_ptr<Tokens> tokens_;
  int64_t batch_ = 0;
  int64_t task_ = 0;
  int workers_ = 0;
};

TEST_F(AccessTest, TheTableHasEachCallOfTheContract) {
  const google::protobuf::ServiceDescriptor* service =
      v1::Task::descriptor()->file()->FindServiceByName("TaskService");
  const std::vector<Rpc> rpcs = AllRpcs();
  ASSERT_EQ(service->method_count(), static_cast<int>(rpcs.size()));
  for (int i = 0; i < service->method_count(); ++i) {
    EXPECT_EQ(service->method(i)->name(), rpcs[i].name);
  }
}

TEST_F(AccessTest, WithoutCredentialsNobodyGetsThrough) {
  ExpectAll(Channel(""), "", StatusCode::kUnauthenticated, "give a token");
}

TEST_F(AccessTest, ATokenThatIsNotKnownIsNoToken) {
  const std::string token = Token(Role::kAdmin);
  std::string other = token;
  other.back() = other.back() == 'A' ? 'E' : 'A';
  ExpectAll(Channel(""), other, StatusCode::kUnauthenticated, "not known here");
  ExpectAll(Channel(""), "tarea", StatusCode::kUnauthenticated, "not known here");
}

TEST_F(AccessTest, ATokenThatHasExpiredIsNoToken) {
  ExpectAll(Channel(""), Token(Role::kAdmin, {}, -absl::Minutes(1)), StatusCode::kUnauthenticated,
            "expired on");
}

TEST_F(AccessTest, ATokenThatWasRevokedIsNoToken) {
  const std::string token = Token(Role::kAdmin);
  ASSERT_TRUE(tokens_->Revoke(token.substr(6, 12), absl::Now() - absl::Hours(1)).ok());
  ExpectAll(Channel(""), token, StatusCode::kUnauthenticated, "was revoked on");
}

TEST_F(AccessTest, ACertificateOfAnotherAuthorityGetsNoConnection) {
  ExpectAll(Channel("other/stranger"), "", StatusCode::kUnavailable, "");
}

TEST_F(AccessTest, ACertificateThatHasExpiredGetsNoConnection) {
  ExpectAll(Channel("pki/expired"), "", StatusCode::kUnavailable, "");
}

// Each role, by certificate and by token.
TEST_F(AccessTest, EachRoleMayMakeItsCallsAndNoOthers) {
  for (const Role role : {Role::kRead, Role::kSubmit, Role::kWork, Role::kAdmin}) {
    const Grant grant{.role = role, .queues = {}};
    const std::string name(RoleName(role));
    if (role != Role::kAdmin) Issue("pki", name, grant);
    const std::string token = Token(role);
    for (const bool by_token : {false, true}) {
      for (const Rpc& rpc : AllRpcs()) {
        const absl::Status status = Call(Channel(by_token ? "" : "pki/" + name), rpc.name,
                                         rpc.request, by_token ? token : "")
                                        .status();
        if (grant.Allows(rpc.role)) {
          EXPECT_TRUE(status.ok()) << name << ", " << rpc.name << status;
        } else {
          EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << name << ", " << rpc.name;
          EXPECT_THAT(std::string(status.message()),
                      HasSubstr(absl::StrCat(rpc.name, " needs ", RoleName(rpc.role))));
        }
      }
    }
  }
}

// The grants are those of the table in master/security/rpcs.h, written down once more.
TEST_F(AccessTest, WhoMayUseOtherQueuesOnlySeesAndDoesNothingHere) {
  Issue("pki", "elsewhere", {.role = Role::kAdmin, .queues = {"images", "thumbs"}});
  const std::string token = Token(Role::kAdmin, {"images", "thumbs"});
  for (const Rpc& rpc : AllRpcs()) {
    for (const absl::StatusOr<std::string>& answer :
         {Call(Channel("pki/elsewhere"), rpc.name, rpc.request),
          Call(Channel(""), rpc.name, rpc.request, token)}) {
      if (rpc.elsewhere == ElsewhereIs::kNotShown) {
        ASSERT_TRUE(answer.ok()) << rpc.name << answer.status();
        EXPECT_THAT(*answer, Not(HasSubstr("videos"))) << rpc.name;
      } else {
        EXPECT_EQ(answer.status().code(), StatusCode::kPermissionDenied) << rpc.name;
        EXPECT_THAT(std::string(answer.status().message()),
                    AnyOf(HasSubstr("may not use the queue 'videos', but only images, thumbs"),
                          HasSubstr("may only use the queues images, thumbs; ")))
            << rpc.name;
      }
    }
  }
}

TEST_F(AccessTest, WhoMayUseThisQueueDoesAndSeesAllOfIt) {
  Submit("images");  // SubmitTasks, RequestTask name both
  const std::string token = Token(Role::kAdmin, {"images", "videos"});
  for (const Rpc& rpc : AllRpcs()) {
    const absl::StatusOr<std::string> answer = Call(Channel(""), rpc.name, rpc.request, token);
    EXPECT_TRUE(answer.ok()) << rpc.name << answer.status();
  }
}

TEST_F(AccessTest, ABatchWithOneTaskTooManyIsRefusedWhole) {
  v1::SubmitTasksRequest request;
  for (int i = 0; i < 100; ++i) {
    v1::TaskSpec* task = request.add_tasks();
    task->set_type("t");
    task->set_queue(i == 99 ? "videos" : "images");
  }
  const absl::Status status = Call(Channel(""), "SubmitTasks", request.SerializeAsString(),
                                   Token(Role::kSubmit, {"images"}))
                                  .status();
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("tasks[99]: "), HasSubstr("nothing was stored")));
  v1::ListTasksRequest list;
  list.mutable_filter()->set_queue("images");
  const absl::StatusOr<std::string> tasks =
      Call(Channel("pki/admin"), "ListTasks", list.SerializeAsString());
  EXPECT_EQ(*tasks, "");
}

TEST_F(AccessTest, WhetherItLivesEverybodyMayAsk) {
  for (const char* certificate : {"", "pki/admin"}) {
    const absl::StatusOr<std::string> health =
        CallRaw(Channel(certificate), "/grpc.health.v1.Health/Check", "");
    ASSERT_TRUE(health.ok()) << health.status();
    EXPECT_EQ(*health, "\x08\x01");
  }
  EXPECT_TRUE(absl::IsUnavailable(
      CallRaw(Channel("other/stranger"), "/grpc.health.v1.Health/Check", "").status()));
}

TEST_F(AccessTest, WhatCallsThereAreEverybodyMayAsk) {
  const absl::StatusOr<std::string> services =
      CallRaw(Channel(""), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
              std::string("\x3a\x00", 2));
  ASSERT_TRUE(services.ok()) << services.status();
  EXPECT_THAT(*services, HasSubstr("tarea.v1.TaskService"));
}

TEST_F(AccessTest, AWorkerBelongsToWhomItWasFirstOf) {
  const std::string farm = Token(Role::kWork);
  const std::string other = Token(Role::kAdmin, {"images"});
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("w");
  request.set_max_tasks(1);
  request.add_queues("images");
  const auto poll = [&](const std::string& token) {
    return Call(Channel(""), "RequestTask", request.SerializeAsString(), token).status().code();
  };
  ASSERT_EQ(poll(farm), StatusCode::kOk);
  EXPECT_EQ(poll(other), StatusCode::kPermissionDenied);
  for (const bool leaving : {false, true}) {
    v1::HeartbeatRequest heartbeat;
    heartbeat.mutable_worker()->set_id("w");
    heartbeat.set_leaving(leaving);
    heartbeat.set_draining(!leaving);
    const absl::Status status =
        Call(Channel(""), "Heartbeat", heartbeat.SerializeAsString(), other).status();
    EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status;
  }
  EXPECT_EQ(poll(farm), StatusCode::kOk);
}

// Lease ids follow each other, so that of a neighbour can be guessed.
TEST_F(AccessTest, NobodyReportsTheResultOfAnothersTask) {
  v1::SubmitTasksRequest submission;
  submission.add_tasks()->set_type("echo");
  ASSERT_TRUE(
      Call(Channel("pki/admin"), "SubmitTasks", submission.SerializeAsString()).status().ok());
  const std::string owner = Token(Role::kWork);
  const std::string other = Token(Role::kWork);
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("w");
  request.set_max_tasks(1);
  v1::RequestTaskResponse taken;
  ASSERT_TRUE(
      taken.ParseFromString(*Call(Channel(""), "RequestTask", request.SerializeAsString(), owner)));
  ASSERT_EQ(taken.tasks_size(), 1);
  v1::SubmitResultRequest report;
  v1::TaskResult& result = *report.add_results();
  result.set_task_id(taken.tasks(0).task_id());
  result.set_lease_id(taken.tasks(0).lease_id());
  result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  const auto send = [&](const std::string& worker, const std::string& token) {
    report.mutable_worker()->set_id(worker);
    return Call(Channel(""), "SubmitResult", report.SerializeAsString(), token);
  };
  const auto status_of = [](const absl::StatusOr<std::string>& answer) {
    v1::SubmitResultResponse response;
    EXPECT_TRUE(answer.ok() && response.ParseFromString(*answer)) << answer.status();
    return response.statuses_size() == 1 ? response.statuses(0) : v1::RESULT_STATUS_UNSPECIFIED;
  };
  EXPECT_EQ(send("w", other).status().code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(status_of(send("x", other)), v1::RESULT_STATUS_STALE);
  EXPECT_EQ(status_of(send("w", owner)), v1::RESULT_STATUS_RECORDED);
}

TEST_F(AccessTest, ABatchWithoutTasksIsNotForEverybodyToChange) {
  v1::SubmitTasksRequest open;
  open.set_keep_open(true);
  v1::SubmitTasksResponse opened;
  ASSERT_TRUE(
      opened.ParseFromString(*Call(Channel("pki/admin"), "SubmitTasks", open.SerializeAsString())));
  v1::SubmitTasksRequest close;
  close.set_batch_id(opened.batch_id());
  const absl::Status status =
      Call(Channel(""), "SubmitTasks", close.SerializeAsString(), Token(Role::kSubmit, {"images"}))
          .status();
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied) << status;
  EXPECT_TRUE(
      Call(Channel(""), "SubmitTasks", close.SerializeAsString(), Token(Role::kSubmit)).ok());
}

// It is read once; what comes later is seen all the same.
TEST_F(AccessTest, ABatchThatGetsATaskOfAnotherQueueIsNotAllowedAnyMore) {
  const std::string token = Token(Role::kSubmit, {"images"});
  v1::SubmitTasksRequest request;
  request.set_keep_open(true);
  request.add_tasks()->set_type("t");
  request.mutable_tasks(0)->set_queue("images");
  v1::SubmitTasksResponse batch;
  ASSERT_TRUE(
      batch.ParseFromString(*Call(Channel(""), "SubmitTasks", request.SerializeAsString(), token)));
  request.set_batch_id(batch.batch_id());
  v1::GetBatchRequest get;
  get.set_batch_id(batch.batch_id());
  const auto look = [&] {
    return Call(Channel(""), "GetBatch", get.SerializeAsString(), token).status().code();
  };
  EXPECT_EQ(look(), StatusCode::kOk);
  ASSERT_TRUE(Call(Channel(""), "SubmitTasks", request.SerializeAsString(), token).ok());
  EXPECT_EQ(look(), StatusCode::kOk);
  request.mutable_tasks(0)->set_queue("videos");
  ASSERT_TRUE(Call(Channel("pki/admin"), "SubmitTasks", request.SerializeAsString()).ok());
  EXPECT_EQ(look(), StatusCode::kPermissionDenied);
}

// Two at once, for who replaces one by another.
TEST_F(AccessTest, OneOfTwoTokensIsRevokedAndTheOtherOneStays) {
  const std::string first = Token(Role::kRead);
  const std::string second = Token(Role::kRead);
  const auto ask = [&](const std::string& token) {
    return Call(Channel(""), "GetStats", "", token).status().code();
  };
  EXPECT_EQ(ask(first), StatusCode::kOk);
  EXPECT_EQ(ask(second), StatusCode::kOk);
  ASSERT_TRUE(tokens_->Revoke(first.substr(6, 12), absl::Now()).ok());
  // The master notices within a second.
  while (ask(first) == StatusCode::kOk) {
  }
  EXPECT_EQ(ask(first), StatusCode::kUnauthenticated);
  EXPECT_EQ(ask(second), StatusCode::kOk);
}

TEST_F(AccessTest, WhoSubmitsTooMuchIsToldWhenToTryAgainAndOthersGoOn) {
  options_.limits.submit_rate = 10;
  Start();
  v1::SubmitTasksRequest request;
  for (int i = 0; i < 10; ++i) request.add_tasks()->set_type("t");
  const std::string bytes = request.SerializeAsString();
  const std::string token = Token(Role::kSubmit);
  ASSERT_TRUE(Call(Channel(""), "SubmitTasks", bytes, token).ok());
  const absl::Status status = Call(Channel(""), "SubmitTasks", bytes, token).status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("more than 10 tasks a second"), HasSubstr("try again in ")));
  EXPECT_TRUE(Call(Channel(""), "SubmitTasks", bytes, Token(Role::kSubmit)).ok());
}

TEST_F(AccessTest, WhoFailsTooOftenHearsNothingButToWait) {
  options_.server_limits.max_auth_failures = 3;
  Start();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(Call(Channel(""), "GetStats", "").status().code(), StatusCode::kUnauthenticated);
  }
  const absl::Status status = Call(Channel(""), "GetStats", "").status();
  EXPECT_EQ(status.code(), StatusCode::kResourceExhausted);
  EXPECT_THAT(std::string(status.message()), HasSubstr("try again in "));
  // Others there are not held up.
  EXPECT_TRUE(Call(Channel(""), "GetStats", "", Token(Role::kRead)).ok());
}

}  // namespace
}  // namespace tarea
