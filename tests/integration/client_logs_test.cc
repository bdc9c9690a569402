// client logs, against a master whose worker says nothing before the end.

#include <gmock/gmock.h>

#include "tests/integration/client_fixture.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

class ClientLogs : public ClientFixture {
 protected:
  // A command that has ended, having written these.
  std::string Wrote(const std::string& out, const std::string& err, bool good = true,
                    bool truncated = false) {
    const auto worker = StartWorker(1, [&](const v1::LeasedTask&) {
      v1::ExecResult ended;
      ended.set_stdout_data(out);
      ended.set_stderr_data(err);
      ended.set_stdout_truncated(truncated);
      v1::TaskResult result;
      result.set_outcome(good ? v1::RESULT_OUTCOME_SUCCEEDED : v1::RESULT_OUTCOME_FAILED);
      if (!good) result.mutable_error()->set_message("exit code 3");
      result.set_non_retryable(!good);
      result.set_result(ended.SerializeAsString());
      return result;
    });
    const int64_t id = Submit(1, "exec").first_task_id();
    while (Get(id).state() < v1::TASK_STATE_SUCCEEDED) std::this_thread::yield();
    return absl::StrCat(id);
  }
};

TEST_F(ClientLogs, OfACommandThatHasEndedEachStreamGoesWhereItCameFrom) {
  const std::string id = Wrote("out\n", "err\n");
  const auto ended = Client({"logs", id});
  EXPECT_EQ(ended.exit, 0);
  EXPECT_EQ(ended.out, "out\n");
  EXPECT_EQ(ended.err, "err\n");
  EXPECT_EQ(Client({"logs", id, "--follow"}).out, "out\n");
}

TEST_F(ClientLogs, ASingleStreamGoesToStdout) {
  const std::string id = Wrote("out\n", "err\n");
  const auto ended = Client({"logs", id, "--stream", "stderr"});
  EXPECT_EQ(ended.out, "err\n");
  EXPECT_THAT(ended.err, IsEmpty());
  EXPECT_EQ(Client({"logs", id, "--stream", "stdout"}).err, "");
}

TEST_F(ClientLogs, TheTailIsTheEndOfEachStream) {
  const std::string id = Wrote("0123456789", "abc");
  const auto ended = Client({"logs", id, "--tail", "4"});
  EXPECT_EQ(ended.out, "6789");
  EXPECT_EQ(ended.err, "abc");
  EXPECT_EQ(Client({"logs", id, "--tail", "0"}).out, "");
}

TEST_F(ClientLogs, WhatWasCutIsSaid) {
  const auto ended = Client({"logs", Wrote("0123456789", "", true, /*truncated=*/true)});
  EXPECT_EQ(ended.out, "0123456789");
  EXPECT_THAT(ended.err, HasSubstr("stdout goes on: only the first 10 bytes are kept"));
}

TEST_F(ClientLogs, OnlyWhoFollowsGetsTheEndOfAFailedTaskAsItsExitCode) {
  const std::string id = Wrote("", "oops\n", /*good=*/false);
  EXPECT_EQ(Client({"logs", id}).exit, 0);
  const auto followed = Client({"logs", id, "-f"});
  EXPECT_EQ(followed.exit, 1);
  EXPECT_EQ(followed.err,
            absl::StrCat("oops\nclient: task ", id, " failed: UNKNOWN: exit code 3\n"));
}

TEST_F(ClientLogs, JsonIsOneObjectPerPieceWithItsTextIfItIsText) {
  const std::string id = Wrote("hi \"you\"\n", "\xff");
  const auto ended = Client({"logs", id, "--json"});
  EXPECT_EQ(
      ended.out,
      absl::StrCat(
          R"({"stream":"OUTPUT_STREAM_STDOUT","offset":"0","data":"aGkgInlvdSIK","task_id":")", id,
          R"(","attempt":1,"text":"hi \"you\"\n"})", "\n",
          R"({"stream":"OUTPUT_STREAM_STDERR","offset":"0","data":"/w==","task_id":")", id,
          R"(","attempt":1})", "\n"));
}

TEST_F(ClientLogs, OfATaskThatIsNoCommandItSaysWhereTheResultIs) {
  const auto worker = StartWorker();
  v1::SubmitTasksRequest request;
  request.add_tasks()->set_type("echo");
  request.mutable_tasks(0)->set_payload("hello");
  const int64_t id = Submit(request).first_task_id();
  const auto ended = Client({"logs", absl::StrCat(id), "--follow"});
  EXPECT_EQ(ended.exit, 0);
  EXPECT_EQ(Client({"logs", absl::StrCat(id)}).err,
            absl::StrCat("client: task ", id,
                         " is finished, and only of commands the output is kept; for its result: "
                         "client show ",
                         id, " --result\n"));
}

TEST_F(ClientLogs, WhatHasNotBegunIsSaidAndFollowingItGoesOnUntilItIsFinished) {
  const std::string id = absl::StrCat(Submit(1, "exec").first_task_id());
  const auto now = Client({"logs", id});
  EXPECT_EQ(now.exit, 0);
  EXPECT_THAT(now.err, HasSubstr(absl::StrCat("task ", id, " is ready and has written nothing")));
  Ended followed;
  std::thread follower([&] { followed = Client({"logs", id, "--follow"}); });
  const auto worker = StartWorker(1, [](const v1::LeasedTask&) {
    v1::ExecResult ended;
    ended.set_stdout_data("at last\n");
    v1::TaskResult result;
    result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
    result.set_result(ended.SerializeAsString());
    return result;
  });
  follower.join();
  EXPECT_EQ(followed.exit, 0);
  EXPECT_EQ(followed.out, "at last\n");
}

TEST_F(ClientLogs, ATaskThatIsNotThereAndAFlagThatIsWrongAreSaid) {
  EXPECT_EQ(Client({"logs", "99"}).exit, 1);
  EXPECT_THAT(Client({"logs", "99", "-f"}).err, HasSubstr("there is no task 99"));
  EXPECT_EQ(Client({"logs", "1", "--stream", "stdin"}).exit, 2);
  EXPECT_EQ(Client({"logs", "1", "--tail", "-1"}).exit, 2);
}

}  // namespace
}  // namespace tarea
