// The client as a user meets it: processes, pipes, signals, and a master that comes and goes.

#include <gmock/gmock.h>
#include <google/protobuf/struct.pb.h>
#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/exit_codes.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"
#include "tests/support/dead_port.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr ProcessEnd kOk{.code = kExitOk};

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

class ClientProcess : public testing::Test {
 protected:
  void SetUp() override { cluster_.StartMaster(); }

  CommandResult Run(const std::vector<std::string>& arguments, const std::string& input = "") {
    return cluster_.RunClient(arguments, input);
  }

  // One that the test does not wait for. Tries for as long as a test may take.
  std::unique_ptr<Process> Start(const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"--master", cluster_.address(), "--connect-timeout", "60s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return std::make_unique<Process>(BinPath("client"), all);
  }

  Cluster cluster_;
};

// --- Without a command
// ---------------------------------------------------------------------------------

TEST_F(ClientProcess, BareItConfirmsTenTasksAndShowsTheirResults) {
  cluster_.StartWorker("w1");
  const CommandResult result = Run({"--wait", "60s"});
  EXPECT_EQ(result.end, kOk) << result.err;
  const std::vector<std::string> lines = Lines(result.out);
  ASSERT_EQ(lines.size(), 22) << result.out;
  EXPECT_EQ(lines.front(), "batch 1: 10 tasks accepted");
  for (int i = 1; i <= 10; ++i) {
    EXPECT_EQ(lines[i], absl::StrCat("task ", i, " accepted: echo \"hello ", i, "\""));
    EXPECT_THAT(lines, testing::Contains(absl::StrCat("task ", i, " succeeded: hello ", i)));
  }
  EXPECT_EQ(lines.back(), "10 tasks: 10 succeeded");
}

// --- run
// -----------------------------------------------------------------------------------------------

TEST_F(ClientProcess, RunPrintsOutputsInTheOrderOfTheInputsThoughTheLastEndsFirst) {
  cluster_.StartWorker("w1", {"--exec-shell", "--slots", "3"});
  // Each waits for the one after it.
  const CommandResult result =
      Run({"run", "--workdir", cluster_.path(), "--", "sh", "-c",
           "until [ -e $(({}+1)) ]; do sleep 0.02; done; echo out {}; echo err {} >&2; touch {}",
           ":::", "1", "2", "3"},
          (WriteFile(cluster_.path() + "/4", ""), ""));
  EXPECT_EQ(result.end, kOk);
  EXPECT_EQ(result.out, "out 1\nout 2\nout 3\n");
  EXPECT_EQ(result.err, "err 1\nerr 2\nerr 3\nclient: 3 tasks: 3 succeeded\n");
}

TEST_F(ClientProcess, RunEndsWithOneIfATaskFailsAndTheOthersStillRun) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  const CommandResult result = Run(
      {"run", "--retries", "0", "--", "sh", "-c", "echo {}; [ {} != b ]", ":::", "a", "b", "c"});
  EXPECT_EQ(result.end, ProcessEnd{.code = kExitFailed});
  EXPECT_EQ(result.out, "a\nb\nc\n");
  EXPECT_EQ(result.err,
            "client: task 2 failed: UNKNOWN: exit code 1 (client show 2)\n"
            "client: 3 tasks: 2 succeeded, 1 failed\n");
}

TEST_F(ClientProcess, RunEndsWithOneIfAnOutputIsNotWhole) {
  cluster_.StartWorker("w1", {"--exec-shell", "--max-output", "10"});
  const CommandResult result =
      cluster_.RunClient({"run", "--", "echo", ":::", "short", "too long by far"});
  EXPECT_EQ(result.end, ProcessEnd{.code = kExitFailed});
  EXPECT_EQ(result.out, "short\ntoo long b");
  EXPECT_THAT(result.err, AllOf(HasSubstr("task 2 wrote more to stdout than the 10 bytes"),
                                HasSubstr("2 tasks: 2 succeeded\n"),
                                HasSubstr("the output of 1 task is not whole\n")));
}

TEST_F(ClientProcess, RunTakesItsInputsFromStdin) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  EXPECT_EQ(Run({"run", "--", "echo", "<{}>"}, "two words\nlast").out, "<two words>\n<last>\n");
}

// --- When there is no master
// ---------------------------------------------------------------------------

TEST(ClientWithoutMaster, EveryCommandEndsWithThreeAndOneLine) {
  const DeadPort nobody;
  const std::vector<std::vector<std::string>> commands = {{},
                                                          {"submit", "--type", "echo"},
                                                          {"run", "--once", "true"},
                                                          {"status"},
                                                          {"list"},
                                                          {"show", "1"},
                                                          {"watch", "1"},
                                                          {"cancel", "1"},
                                                          {"retry", "1"},
                                                          {"stats"},
                                                          {"workers"},
                                                          {"queues"},
                                                          {"top"}};
  for (const std::vector<std::string>& command : commands) {
    std::vector<std::string> arguments = {"--master", nobody.address(), "--connect-timeout",
                                          "200ms"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    Process client(BinPath("client"), arguments);
    EXPECT_EQ(client.Wait(), ProcessEnd{.code = kExitUnreachable}) << client.Log();
    const std::vector<std::string> lines = Lines(client.Log());
    ASSERT_FALSE(lines.empty());
    EXPECT_THAT(lines[0],
                AllOf(StartsWith(absl::StrCat("client: cannot reach the master at ",
                                              nobody.address(), ": Connection refused")),
                      HasSubstr("(tried for 200ms); start it, or name another with --master")));
    // A watch also tells how to go on with it.
    EXPECT_EQ(lines.size(), client.Log().find("to watch the rest") != std::string::npos ? 2 : 1)
        << client.Log();
    EXPECT_EQ(client.Output(), "");
  }
}

TEST_F(ClientProcess, WatchGoesOnAfterTheMasterWasKilledAndShowsEachTaskOnce) {
  SubmitBatch(cluster_.client(), std::vector<v1::TaskSpec>(4, EchoTask()));
  FakeWorker worker(cluster_.connection(), "fake");
  const std::vector<v1::LeasedTask> tasks = worker.Take(4);
  ASSERT_EQ(tasks.size(), 4);
  const std::unique_ptr<Process> watch = Start({"watch", "1", "--results"});
  worker.Report(tasks[0], v1::RESULT_OUTCOME_SUCCEEDED, "first");
  worker.Report(tasks[1], v1::RESULT_OUTCOME_SUCCEEDED, "second");
  EXPECT_TRUE(WaitFor([&] { return absl::StrContains(watch->Output(), "second\n"); }));

  cluster_.KillMaster(SIGKILL);
  cluster_.StartMaster();
  worker.Report(tasks[2], v1::RESULT_OUTCOME_SUCCEEDED, "third");
  worker.Report(tasks[3], v1::RESULT_OUTCOME_SUCCEEDED, "fourth");

  EXPECT_EQ(watch->Wait(), kOk) << watch->Log();
  std::vector<std::string> shown;
  for (const std::string& line : Lines(watch->Output())) {
    shown.push_back(line.substr(0, line.find(" after")));
  }
  EXPECT_THAT(shown,
              testing::ElementsAre("[1/4] task 1 succeeded", "  first", "[2/4] task 2 succeeded",
                                   "  second", "[3/4] task 3 succeeded", "  third",
                                   "[4/4] task 4 succeeded", "  fourth", "4 tasks: 4 succeeded"));
}

// --- For scripts
// ---------------------------------------------------------------------------------------

TEST_F(ClientProcess, WhatJsonPrintsParsesLineByLine) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  // Bytes that need escaping or are no UTF-8 at all.
  ASSERT_EQ(
      Run({"submit", "--type", "echo", "--payload-file", "-", "--wait"}, "\"quoted\"\n\x1b[31m\xff")
          .end,
      kOk);
  const std::vector<std::vector<std::string>> commands = {
      {"--wait", "60s"},
      {"submit", "--type", "echo", "--count", "3", "--wait"},
      {"run", "--", "echo", ":::", "a", "b"},
      {"run", "--dry-run", "--", "echo", ":::", "a"},
      {"status"},
      {"status", "1"},
      {"list"},
      {"show", "1"},
      {"watch", "1", "--results"},
      {"cancel", "1"},
      {"retry", "1"},
      {"stats"},
      {"workers"},
      {"queues"},
      {"top"}};
  for (const std::vector<std::string>& command : commands) {
    std::vector<std::string> arguments = {"--json"};
    arguments.insert(arguments.end(), command.begin(), command.end());
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.end, kOk) << command[0] << ": " << result.err;
    EXPECT_FALSE(Lines(result.out).empty()) << command[0];
    for (const std::string& line : Lines(result.out)) {
      google::protobuf::Struct object;
      EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(line, &object).ok())
          << command[0] << ": " << line;
    }
  }
}

}  // namespace
}  // namespace tarea
