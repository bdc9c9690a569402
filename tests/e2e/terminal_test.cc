// What the client shows on terminals of all sizes and in pipes, whoever wrote it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/exit_codes.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"
#include "tests/support/terminal_process.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr ProcessEnd kOk{.code = kExitOk};
constexpr int kNarrow = 40;

// Clears the screen, moves the cursor, renames the window, rings, writes backwards, hides.
const std::string kHostile =
    absl::StrCat("\x1b[2J\x1b[10A\x1b]0;owned\x07\r\n\t\b\x7f", std::string(1, '\0'),
                 "\u009b5A\u202eevil\u2066\u200b\u00ad");

// A master that knows tasks, a batch and a worker with hostile texts wherever there can be any.
class Reading : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartMaster({"--lease", "10m"});
    SubmitHostile();
    const std::vector<v1::LeasedTask> tasks = TakeAsHostileWorker();
    ASSERT_EQ(tasks.size(), 3);
    ReportHostile(tasks[0], v1::RESULT_OUTCOME_SUCCEEDED);
    ReportHostile(tasks[1], v1::RESULT_OUTCOME_FAILED);
    ReportProgress(tasks[2]);
  }

  template <typename Method, typename Request, typename Response>
  void Call(Method method, const Request& request, Response& response) {
    const absl::Status status =
        cluster_.connection().Call([&](Stub& stub, grpc::ClientContext& context) {
          return (stub.*method)(&context, request, &response);
        });
    EXPECT_TRUE(status.ok()) << status;
  }

  void SubmitHostile() {
    v1::SubmitTasksRequest request;
    request.set_batch_name(kHostile);
    for (int i = 0; i < 3; ++i) {
      v1::TaskSpec* task = request.add_tasks();
      task->set_type("echo");
      task->set_queue("hostile");
      task->set_payload(kHostile + "\xff\xc0");
      task->set_key(absl::StrCat(kHostile, i));
      (*task->mutable_labels())["l"] = kHostile;
      task->mutable_retry()->set_max_attempts(1);
    }
    v1::SubmitTasksResponse response;
    Call(&Stub::SubmitTasks, request, response);
  }

  static v1::WorkerInfo HostileWorker() {
    v1::WorkerInfo info;
    info.set_id("fake");
    info.set_name(kHostile);
    info.set_host(kHostile);
    info.set_version(kHostile);
    (*info.mutable_labels())["l"] = kHostile;
    return info;
  }

  std::vector<v1::LeasedTask> TakeAsHostileWorker() {
    v1::RequestTaskRequest request;
    *request.mutable_worker() = HostileWorker();
    request.add_queues("hostile");
    request.set_max_tasks(3);
    v1::RequestTaskResponse response;
    Call(&Stub::RequestTask, request, response);
    return {response.tasks().begin(), response.tasks().end()};
  }

  void ReportHostile(const v1::LeasedTask& task, v1::ResultOutcome outcome) {
    v1::SubmitResultRequest request;
    *request.mutable_worker() = HostileWorker();
    v1::TaskResult* result = request.add_results();
    result->set_task_id(task.task_id());
    result->set_lease_id(task.lease_id());
    result->set_outcome(outcome);
    result->set_result(kHostile + "\xff\xc0");
    if (outcome == v1::RESULT_OUTCOME_FAILED) result->mutable_error()->set_message(kHostile);
    v1::SubmitResultResponse response;
    Call(&Stub::SubmitResult, request, response);
  }

  void ReportProgress(const v1::LeasedTask& task) {
    v1::HeartbeatRequest request;
    *request.mutable_worker() = HostileWorker();
    v1::HeldTask* held = request.add_held();
    held->set_task_id(task.task_id());
    held->set_lease_id(task.lease_id());
    held->mutable_progress()->set_fraction(0.5);
    held->mutable_progress()->set_message(kHostile);
    v1::HeartbeatResponse response;
    Call(&Stub::Heartbeat, request, response);
  }

  std::vector<std::string> ForMaster(const std::vector<std::string>& arguments) const {
    std::vector<std::string> all = {"--master", cluster_.address()};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }

  // Runs the client in a terminal to its end.
  std::string InTerminal(const std::vector<std::string>& arguments,
                         const TerminalOptions& options = {}) {
    TerminalProcess client(BinPath("client"), ForMaster(arguments), options);
    EXPECT_EQ(client.Wait(), kOk) << client.Output();
    return client.Output();
  }

  Cluster cluster_;
};

std::string Name(const std::vector<std::string>& arguments) {
  return absl::StrJoin(arguments, " ");
}

// --- Pipes
// -------------------------------------------------------------------------------------------

TEST_F(Reading, NothingThatActsOnATerminalComesOutOfAPipe) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  const std::vector<std::vector<std::string>> commands = {
      {"submit", "--type", "echo", "--wait"},
      {"run", "--", "echo", ":::", "a"},
      {"run", "--dry-run", "--", "echo", ":::", kHostile.substr(0, 8)},
      {"status"},
      {"status", "1"},
      {"list"},
      {"show", "1"},
      {"show", "2"},
      {"show", "3"},
      {"watch", "2", "--results"},
      {"cancel", "1"},
      {"retry", "1"},
      {"stats"},
      {"workers"},
      {"queues"},
      {"top"}};
  for (std::vector<std::string> arguments : commands) {
    for (const char* format : {"table", "wide", "json", "jsonl", "yaml"}) {
      std::vector<std::string> all = {"--output", format};
      all.insert(all.end(), arguments.begin(), arguments.end());
      const CommandResult result = cluster_.RunClient(all);
      EXPECT_EQ(result.end, kOk) << Name(all) << ": " << result.err;
      // Lines of a pipe end without a carriage return.
      std::string text = result.out + result.err;
      EXPECT_THAT(text, Not(HasSubstr("\r"))) << Name(all);
      for (const absl::string_view line : absl::StrSplit(text, '\n')) {
        const Shown shown = Show(line);
        EXPECT_THAT(shown.actions, IsEmpty()) << Name(all) << ": " << line;
        EXPECT_FALSE(shown.has_colours) << Name(all) << ": " << line;
      }
    }
  }
}

// --- Narrow terminals
// --------------------------------------------------------------------------------

TEST_F(Reading, NoLineIsWiderThanTheTerminalAndNothingMovesTheCursor) {
  cluster_.StartWorker("a-worker-with-a-long-name", {"--queues", "other"});
  ASSERT_TRUE(WaitFor([&] { return cluster_.client().Workers()->workers_size() == 2; }));
  const std::vector<std::pair<std::vector<std::string>, std::vector<std::string>>> commands = {
      {{"status"}, {"BATCH", "NAME", "STATE", "running", "TASKS"}},
      {{"status", "1"}, {"state     running", "1 succeeded", "RUNNING", "50%"}},
      {{"list"}, {"TASK", "STATE", "failed", "ERROR"}},
      {{"show", "1"}, {"state     succeeded", "result (", "OUTCOME"}},
      {{"show", "2"}, {"state     failed", "error ", "TOOK"}},
      {{"show", "3"}, {"progress  50%"}},
      {{"workers"}, {"NAME", "STATE", "TASKS", "a-work"}},
      {{"queues"}, {"QUEUE", "READY", "FAILED", "hostile"}},
      {{"stats"}, {"tasks ", "durability"}},
      {{"top", "--once"}, {"master ", "QUEUE", "WORKER", "BATCH"}}};
  for (const auto& [arguments, texts] : commands) {
    const std::string output = InTerminal(arguments, {.columns = kNarrow, .rows = 24});
    const Shown shown = Show(output);
    EXPECT_LE(shown.widest, kNarrow) << Name(arguments) << ":\n" << output;
    EXPECT_THAT(shown.actions, IsEmpty()) << Name(arguments);
    for (const std::string& text : texts) {
      EXPECT_THAT(shown.lines, Contains(HasSubstr(text))) << Name(arguments) << ":\n" << output;
    }
  }
}

TEST_F(Reading, ColoursAreForTerminalsWhoseUsersWantThem) {
  EXPECT_TRUE(Show(InTerminal({"list"})).has_colours);
  EXPECT_TRUE(Show(InTerminal({"show", "1"})).has_colours);
  EXPECT_FALSE(Show(InTerminal({"list"}, {.environment = {{"NO_COLOR", "1"}}})).has_colours);
  EXPECT_FALSE(Show(InTerminal({"list"}, {.environment = {{"TERM", "dumb"}}})).has_colours);
  EXPECT_FALSE(Show(InTerminal({"list", "--color", "never"})).has_colours);
  EXPECT_TRUE(Show(InTerminal({"list", "--color", "always"}, {.environment = {{"NO_COLOR", "1"}}}))
                  .has_colours);
}

TEST_F(Reading, ColumnsInTheEnvironmentGoesBeforeWhatTheTerminalSays) {
  const TerminalOptions options = {.columns = 100, .environment = {{"COLUMNS", "40"}}};
  EXPECT_LE(Show(InTerminal({"list"}, options)).widest, kNarrow);
  EXPECT_GT(Show(InTerminal({"list"}, {.columns = 100})).widest, kNarrow);
}

TEST_F(Reading, OnATerminalThatCannotMoveItsCursorNothingTries) {
  for (const std::vector<std::string>& arguments :
       std::vector<std::vector<std::string>>{{"list"}, {"status", "1"}, {"top"}}) {
    const std::string output = InTerminal(arguments, {.environment = {{"TERM", "dumb"}}});
    EXPECT_THAT(Show(output).actions, IsEmpty()) << Name(arguments);
    EXPECT_FALSE(Show(output).has_colours) << Name(arguments);
  }
}

// --- top
// ---------------------------------------------------------------------------------------------

// The lines of the last frame that is complete; none if there is none.
Shown LastFrame(absl::string_view output) {
  const size_t end = output.rfind("\x1b[J");
  if (end == absl::string_view::npos) return {};
  const size_t begin = output.rfind("\x1b[H", end);
  return Show(output.substr(begin, end - begin));
}

class Top : public Reading {
 protected:
  std::unique_ptr<TerminalProcess> Start(int columns, int rows) {
    return std::make_unique<TerminalProcess>(BinPath("client"),
                                             ForMaster({"top", "--interval", "100ms"}),
                                             TerminalOptions{.columns = columns, .rows = rows});
  }

  // Waits until the last frame has a line with this text.
  static bool AwaitLine(TerminalProcess& top, absl::string_view text) {
    return top.Await([&](absl::string_view output) {
      const Shown frame = LastFrame(output);
      return std::any_of(frame.lines.begin(), frame.lines.end(),
                         [&](const std::string& line) { return absl::StrContains(line, text); });
    });
  }

  static void ExpectRestored(TerminalProcess& top) {
    EXPECT_TRUE(absl::EndsWith(top.Output(), "\x1b[?7h\x1b[?25h\x1b[?1049l")) << top.Output();
    EXPECT_TRUE(top.IsAsAShellWantsIt());
  }
};

TEST_F(Top, ShowsWhatThereIsAndLeavesTheTerminalAsItWas) {
  const std::unique_ptr<TerminalProcess> top = Start(80, 24);
  ASSERT_TRUE(AwaitLine(*top, "hostile")) << top->Output();
  EXPECT_FALSE(top->IsAsAShellWantsIt());
  top->Send("q");
  EXPECT_EQ(top->Wait(), kOk) << top->Output();
  ExpectRestored(*top);
}

TEST_F(Top, CtrlCAndSignalsLeaveTheTerminalAsItWas) {
  const std::vector<std::pair<int, ProcessEnd>> ends = {{0, {.code = kExitInterrupted}},
                                                        {SIGINT, {.code = kExitInterrupted}},
                                                        {SIGTERM, {.code = kExitInterrupted}},
                                                        {SIGHUP, {.code = kExitInterrupted}},
                                                        {SIGQUIT, {.signal = SIGQUIT}}};
  for (const auto& [signal, end] : ends) {
    const std::unique_ptr<TerminalProcess> top = Start(80, 24);
    ASSERT_TRUE(AwaitLine(*top, "QUEUE")) << top->Output();
    if (signal == 0) {
      top->Send("\x03");
    } else {
      top->Kill(signal);
    }
    EXPECT_EQ(top->Wait(), end);
    ExpectRestored(*top);
  }
}

TEST_F(Top, FitsTheTerminalAlsoWhenThatChanges) {
  const std::unique_ptr<TerminalProcess> top = Start(120, 40);
  ASSERT_TRUE(AwaitLine(*top, "OLDEST READY")) << top->Output();
  top->Resize(kNarrow, 10);
  EXPECT_TRUE(top->Await([](absl::string_view output) {
    const Shown frame = LastFrame(output);
    return frame.widest <= kNarrow && frame.lines.size() <= 10;
  })) << top->Output();
  const Shown frame = LastFrame(top->Output());
  for (const char* heading : {"master ", "QUEUE", "WORKER", "BATCH", "q leaves"}) {
    EXPECT_THAT(frame.lines, Contains(HasSubstr(heading)));
  }
  // Home, and the rest of each line.
  for (const std::string& action : frame.actions) {
    EXPECT_TRUE(action == "\x1b[H" || action == "\x1b[K") << action;
  }
}

TEST_F(Top, SaysThatTheMasterIsAwayAndGoesOnWhenItIsBack) {
  const std::unique_ptr<TerminalProcess> top = Start(100, 24);
  ASSERT_TRUE(AwaitLine(*top, "hostile")) << top->Output();
  cluster_.KillMaster(SIGKILL);
  EXPECT_TRUE(AwaitLine(*top, "trying again")) << top->Output();
  EXPECT_THAT(LastFrame(top->Output()).lines, Contains(HasSubstr("hostile")));
  cluster_.StartMaster();
  SubmitBatch(cluster_.client(), {EchoTask()});
  EXPECT_TRUE(AwaitLine(*top, "1 ready, 1 running")) << top->Output();
  EXPECT_THAT(LastFrame(top->Output()).lines, Not(Contains(HasSubstr("trying again"))));
  top->Send("q");
  EXPECT_EQ(top->Wait(), kOk);
}

TEST_F(Top, KeysWorkWhileThereIsNoMaster) {
  cluster_.KillMaster(SIGKILL);
  const std::unique_ptr<TerminalProcess> top = Start(100, 24);
  ASSERT_TRUE(AwaitLine(*top, "trying again")) << top->Output();
  top->Send("q");
  EXPECT_EQ(top->Wait(), kOk);
}

}  // namespace
}  // namespace tarea
