// How the worker starts, refuses to start, works and ends.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"
#include "tests/support/dead_port.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::Each;
using testing::HasSubstr;
using testing::SizeIs;
using testing::StartsWith;

constexpr ProcessEnd kOk{.code = 0};
constexpr ProcessEnd kWrongUsage{.code = 2};

// Runs a worker that is not going to work, to its end.
CommandResult RunWorker(const std::vector<std::string>& flags,
                        const std::map<std::string, std::string>& environment = {}) {
  Process worker(BinPath("worker"), flags, {.environment = environment});
  const std::optional<ProcessEnd> end = worker.Wait();
  EXPECT_TRUE(end.has_value()) << "the worker runs:\n" << worker.Log();
  return {end.value_or(ProcessEnd{}), worker.Output(), worker.Log()};
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// A master and a place for the files by which tasks and the test tell each other how far they are.
class WorkerProcess : public testing::Test {
 protected:
  void SetUp() override { cluster_.StartMaster(); }

  // Says "started" in a file of this name, and ends when there is a file "go".
  v1::TaskSpec GatedTask() const {
    return ShellTask("echo started > started; while [ ! -e go ]; do sleep 0.02; done; echo done",
                     cluster_.path());
  }
  void AwaitStarted() const { EXPECT_EQ(AwaitLine(cluster_.path() + "/started"), "started"); }
  void OpenGate() const { WriteFile(cluster_.path() + "/go", ""); }

  Client& client() { return cluster_.client(); }

  Cluster cluster_;
};

// --- What it says
// --------------------------------------------------------------------------------------

TEST_F(WorkerProcess, ItsLogTellsTheStoryOfATask) {
  Process& worker = cluster_.StartWorker("w1", {"--slots", "1"});
  ASSERT_TRUE(worker.AwaitLog(absl::StrCat("connected to the master at ", cluster_.address())));
  const int64_t id = SubmitTask(client(), EchoTask("hello"));
  const std::string name = absl::StrCat("task ", id);
  EXPECT_TRUE(worker.AwaitLog(absl::StrCat("result of ", name, " recorded"))) << worker.Log();
  const std::string log = worker.Log();
  size_t at = 0;
  for (const std::string& step :
       {std::string("worker 'w1': 1 slot; takes echo, sleep from queue default"),
        absl::StrCat("requested 1, received ", name, " (echo, attempt 1 of 3)"),
        absl::StrCat(name, " (echo): started"), absl::StrCat(name, " (echo): succeeded in "),
        absl::StrCat("result of ", name, " recorded")}) {
    at = log.find(step, at);
    ASSERT_NE(at, std::string::npos) << step << " is not there, or not after those before:\n"
                                     << log;
  }
}

TEST_F(WorkerProcess, WithoutExecItLeavesCommandsToOthers) {
  cluster_.StartWorker("w1");
  const int64_t command = SubmitTask(client(), ShellTask("true", cluster_.path()));
  const int64_t echo = SubmitTask(client(), EchoTask());
  AwaitState(client(), echo, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(GetTask(client(), command).state(), v1::TASK_STATE_READY);

  cluster_.StartWorker("w2", {"--exec-shell"});
  EXPECT_THAT(AwaitState(client(), command, v1::TASK_STATE_SUCCEEDED).worker(),
              testing::StartsWith("w2-"));
}

// --- When there is no master
// ---------------------------------------------------------------------------

TEST(WorkerWithoutMaster, SaysSoOncePerPauseAndEndsOnSigterm) {
  const DeadPort nobody;
  Process worker(BinPath("worker"), {"--master", nobody.address()});
  const std::string complaint = absl::StrCat("cannot reach the master at ", nobody.address(), ": ");
  const auto complaints = [&] {
    std::vector<std::string> lines = Lines(worker.Log());
    if (!lines.empty()) lines.erase(lines.begin());  // who it is
    return lines;
  };
  EXPECT_TRUE(WaitFor([&] { return complaints().size() >= 4; }));
  EXPECT_THAT(complaints(), Each(AllOf(HasSubstr("warn"), HasSubstr(complaint),
                                       HasSubstr("; trying again in "))));
  worker.Kill(SIGTERM);
  EXPECT_EQ(worker.Wait(), kOk) << worker.Log();
  EXPECT_THAT(worker.Log(), HasSubstr("SIGTERM: draining"));
}

TEST_F(WorkerProcess, FindsAMasterThatIsStartedLater) {
  const int64_t id = SubmitTask(client(), EchoTask());
  cluster_.KillMaster(SIGTERM);
  Process& worker = cluster_.StartWorker("w1");
  ASSERT_TRUE(worker.AwaitLog("cannot reach the master at ")) << worker.Log();
  cluster_.StartMaster();
  AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
  EXPECT_THAT(worker.Log(), HasSubstr("connected to the master at "));
}

// --- What it refuses
// ------------------------------------------------------------------------------------

struct Mistake {
  std::vector<std::string> flags;
  std::map<std::string, std::string> environment;
  std::string complaint;
};

TEST(WorkerFlags, AMistakeIsNamedAndEndsItWithTwo) {
  const Mistake mistakes[] = {
      {{"--nonsense"}, {}, "--nonsense"},
      {{"extra"}, {}, "extra"},
      {{"--slots", "many"}, {}, "many"},
      {{"--slots", "5000"}, {}, "5000"},
      {{"--slots", "-1"}, {}, "-1"},
      {{"--max-prefetch", "-1"}, {}, "-1"},
      {{"--max-tasks", "-1"}, {}, "-1"},
      {{"--idle-exit", "never"}, {}, "'never'"},
      {{"--label", "zone"}, {}, "'zone' is not NAME=VALUE"},
      {{"--queues", "a:0,b"}, {}, "the weight of 'a' is 0; it must be 1 to 100"},
      {{"--queues", "a:101"}, {}, "the weight of 'a' is 101; it must be 1 to 100"},
      {{"--queues", "a:3,b,a"}, {}, "'a' is named more than once"},
      {{"--max-output", "-1"}, {}, "-1"},
      {{"--drain-timeout", "soon"}, {}, "'soon'"},
      {{"--kill-after", "5 parsecs"}, {}, "'5 parsecs'"},
      {{"--exec-memory", "lots"}, {}, "'lots'"},
      {{"--exec-cpu-time", "-1s"}, {}, "-1s"},
      {{"--exec-file-size", "-1"}, {}, "'-1'"},
      {{"--exec-dir", "/no/such"}, {}, "/no/such"},
      {{"--log-level", "loud"}, {}, "'loud'"},
      {{"--log-format", "xml"}, {}, "'xml'"},
      {{"--master", "somewhere"}, {}, "--master: 'somewhere' is not HOST:PORT"},
      {{}, {{"TAREA_SLOTS", "many"}}, "many"},
      {{}, {{"TAREA_DRAIN_TIMEOUT", "soon"}}, "'soon'"},
      {{}, {{"TAREA_MASTER", "somewhere"}}, "TAREA_MASTER: 'somewhere' is not HOST:PORT"},
  };
  for (const Mistake& mistake : mistakes) {
    const CommandResult result = RunWorker(mistake.flags, mistake.environment);
    EXPECT_EQ(result.end, kWrongUsage) << mistake.complaint;
    EXPECT_THAT(result.err, AllOf(HasSubstr(mistake.complaint), HasSubstr("worker --help")));
    EXPECT_LT(result.err.size(), 400) << result.err;
  }
}

TEST(WorkerFlags, ATypeThatItHasNoHandlerForIsNamedWithThoseItHas) {
  const CommandResult result = RunWorker({"--types", "echo,resize"});
  EXPECT_EQ(result.end, kWrongUsage);
  EXPECT_THAT(result.err, HasSubstr("there is no handler for type 'resize'; there are handlers for "
                                    "echo, sleep\n"));
}

TEST_F(WorkerProcess, AQueueThatCannotBeIsRefusedByTheMaster) {
  const CommandResult result = RunWorker({"--master", cluster_.address(), "--queues", "two words"});
  EXPECT_EQ(result.end, kWrongUsage);
  EXPECT_THAT(result.err, HasSubstr("'two words'"));
}

// --- What commands get
// ----------------------------------------------------------------------------------

TEST(WorkerCommands, TheFlagsLimitThemAndSayWhereTheyRun) {
  Cluster cluster;
  cluster.StartMaster();
  cluster.StartWorker("w1", {"--exec-shell", "--exec-memory", "1G", "--exec-cpu-time", "1m",
                             "--exec-file-size", "512K", "--exec-dir", cluster.path()});
  v1::TaskSpec task = ShellTask("ulimit -Sv; ulimit -St; ulimit -Sf; pwd", "");
  v1::ExecPayload payload;
  ASSERT_TRUE(payload.ParseFromString(task.payload()));
  payload.set_fresh_directory(true);
  task.set_payload(payload.SerializeAsString());
  const int64_t id = SubmitTask(cluster.client(), task);
  EXPECT_THAT(OutputOf(AwaitState(cluster.client(), id, v1::TASK_STATE_SUCCEEDED)),
              StartsWith("1048576\n60\n1024\n" + cluster.path() + "/tarea-exec-"));
}

// They are the same user's, and have the worker's process as a relative.
TEST(WorkerCommands, CannotReadWhatTheWorkerKeepsToItself) {
  const std::vector<std::string> as_nobody = {"--reuid=65534", "--regid=65534", "--clear-groups",
                                              BinPath("worker")};
  std::vector<std::string> words = as_nobody;
  words.push_back("--version");
  if (Process("setpriv", words).Wait() != ProcessEnd{}) {
    GTEST_SKIP() << "only root can start a worker as somebody else, where that one may read it";
  }
  for (const bool isolated : {false, true}) {
    Cluster cluster;
    cluster.StartMaster();
    words = as_nobody;
    words.insert(words.end(), {"--master", cluster.address(), "--exec-shell"});
    if (isolated) words.emplace_back("--exec-isolate");
    const Process worker("setpriv", words,
                         {.environment = {{"SECRET_KEY", "hush"}}, .working_directory = "/"});
    const int64_t id =
        SubmitTask(cluster.client(),
                   ShellTask("echo $SECRET_KEY; tr '\\0' '\\n' </proc/$PPID/environ | grep SECRET; "
                             "cat /proc/$PPID/maps; echo end",
                             ""));
    const v1::Task done = AwaitState(cluster.client(), id, v1::TASK_STATE_SUCCEEDED);
    EXPECT_EQ(OutputOf(done), "\nend\n");
    v1::ExecResult result;
    ASSERT_TRUE(result.ParseFromString(done.result()));
    EXPECT_THAT(result.stderr_data(), HasSubstr("Permission denied"));
  }
}

TEST(WorkerCommands, AClientInATaskSaysItsProgressAndSubmitsToTheSameMaster) {
  Cluster cluster;
  cluster.StartMaster({"--lease", "1s"});
  cluster.StartWorker("w1", {"--exec-shell", "--slots", "2"});
  const std::string script = absl::StrCat(
      "c='", BinPath("client"), "'; $c progress '42%' half a page && ",
      "$c submit --type echo --payload from-within && until [ -e gate ]; do sleep 0.02; done; ",
      "$c progress 7; TAREA_PROGRESS_FD=9 $c progress 1; unset TAREA_PROGRESS_FD; $c progress 1; "
      "echo $?");
  const int64_t id = SubmitTask(cluster.client(), ShellTask(script, cluster.path()));
  EXPECT_TRUE(
      WaitFor([&] { return GetTask(cluster.client(), id).progress().message() == "half a page"; }));
  EXPECT_EQ(GetTask(cluster.client(), id).progress().fraction(), 0.42);
  WriteFile(cluster.path() + "/gate", "");
  const v1::Task done = AwaitState(cluster.client(), id, v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(OutputOf(done), "batch 2: 1 task accepted (2)\n1\n");
  v1::ExecResult result;
  ASSERT_TRUE(result.ParseFromString(done.result()));
  EXPECT_THAT(result.stderr_data(), AllOf(HasSubstr("'7' is not a progress; write 0% to 100%"),
                                          HasSubstr("descriptor 9 (TAREA_PROGRESS_FD) is not open"),
                                          HasSubstr("TAREA_PROGRESS_FD is not set")));
}

// --- How it ends
// ----------------------------------------------------------------------------------------

TEST_F(WorkerProcess, SigtermLetsItFinishWhatRunsAndTakeNothingNew) {
  Process& worker = cluster_.StartWorker("w1", {"--exec-shell", "--slots", "2"});
  const int64_t running = SubmitTask(client(), GatedTask());
  AwaitStarted();
  worker.Kill(SIGTERM);
  ASSERT_TRUE(worker.AwaitLog("SIGTERM: draining")) << worker.Log();
  // Now the master knows too.
  ASSERT_TRUE(worker.AwaitLog("draining: waiting up to 30s for 1 task to finish")) << worker.Log();
  const int64_t next = SubmitTask(client(), EchoTask());
  OpenGate();
  EXPECT_EQ(worker.Wait(), kOk) << worker.Log();
  const v1::Task done = GetTask(client(), running);
  EXPECT_EQ(done.state(), v1::TASK_STATE_SUCCEEDED);
  EXPECT_EQ(done.attempt(), 1);
  EXPECT_EQ(OutputOf(done), "done\n");
  EXPECT_THAT(worker.Log(), HasSubstr("drained: 1 task succeeded, 0 failed, 0 given back"));
  EXPECT_EQ(GetTask(client(), next).state(), v1::TASK_STATE_READY);
  const absl::StatusOr<v1::ListWorkersResponse> workers = client().Workers();
  ASSERT_TRUE(workers.ok()) << workers.status();
  EXPECT_THAT(workers->workers(), SizeIs(0));
}

TEST_F(WorkerProcess, DrainingCountsDownWhatStillRuns) {
  Process& worker = cluster_.StartWorker("w1", {"--exec-shell", "--slots", "3"});
  const auto gated = [this](const std::string& name) {
    return ShellTask(absl::StrCat("echo started > started-", name, "; while [ ! -e go-", name,
                                  " ]; do sleep 0.02; done"),
                     cluster_.path());
  };
  for (const std::string name : {"1", "2", "3"}) SubmitTask(client(), gated(name));
  for (const std::string name : {"1", "2", "3"}) {
    EXPECT_EQ(AwaitLine(cluster_.path() + "/started-" + name), "started");
  }
  worker.Kill(SIGTERM);
  ASSERT_TRUE(worker.AwaitLog("for 3 tasks to finish")) << worker.Log();
  WriteFile(cluster_.path() + "/go-1", "");
  ASSERT_TRUE(worker.AwaitLog("draining: 2 tasks run")) << worker.Log();
  WriteFile(cluster_.path() + "/go-2", "");
  ASSERT_TRUE(worker.AwaitLog("draining: 1 task runs")) << worker.Log();
  WriteFile(cluster_.path() + "/go-3", "");
  EXPECT_EQ(worker.Wait(), kOk) << worker.Log();
  EXPECT_THAT(worker.Log(), HasSubstr("drained: 3 tasks succeeded, 0 failed, 0 given back"));
}

TEST_F(WorkerProcess, Sigusr1WritesWhatItIsAboutAndItGoesOn) {
  Process& worker = cluster_.StartWorker("w1", {"--exec-shell", "--slots", "2"});
  const int64_t id = SubmitTask(client(), GatedTask());
  AwaitStarted();
  worker.Kill(SIGUSR1);
  ASSERT_TRUE(worker.AwaitLog(absl::StrCat("status: task ", id, " (exec) runs for ")))
      << worker.Log();
  EXPECT_THAT(worker.Log(), AllOf(HasSubstr("status: 1 of 2 slots busy; 0 tasks fetched ahead"),
                                  HasSubstr(absl::StrCat("connected to ", cluster_.address())),
                                  HasSubstr(": 0 tasks succeeded, 0 failed, 0 given back")));
  OpenGate();
  AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED);
}

TEST_F(WorkerProcess, MaxTasksEndsItWithZeroAndSaysWhy) {
  SubmitTask(client(), EchoTask());
  SubmitTask(client(), EchoTask());
  const int64_t last = SubmitTask(client(), EchoTask());
  const CommandResult result = RunWorker({"--master", cluster_.address(), "--max-tasks", "2"});
  EXPECT_EQ(result.end, kOk);
  EXPECT_THAT(result.err, AllOf(HasSubstr("2 tasks processed, as many as it was to take: draining"),
                                HasSubstr("drained: 2 tasks succeeded")));
  EXPECT_EQ(GetTask(client(), last).state(), v1::TASK_STATE_READY);
}

TEST_F(WorkerProcess, IdleExitEndsItWithZeroAndSaysWhy) {
  const int64_t id = SubmitTask(client(), EchoTask());
  const CommandResult result = RunWorker({"--master", cluster_.address(), "--idle-exit", "2s"});
  EXPECT_EQ(result.end, kOk);
  EXPECT_THAT(result.err, AllOf(HasSubstr("nothing to do for 2s: draining"),
                                HasSubstr("drained: 1 task succeeded")));
  EXPECT_EQ(GetTask(client(), id).state(), v1::TASK_STATE_SUCCEEDED);
}

TEST_F(WorkerProcess, TakesLabelsAndWeightsFromItsFlags) {
  Process& worker = cluster_.StartWorker(
      "w1", {"--label", "zone=a", "--label", "gpu=yes", "--queues", "a:3,b,odd:7:2"});
  ASSERT_TRUE(worker.AwaitLog("connected to the master")) << worker.Log();
  EXPECT_THAT(worker.Log(), HasSubstr("from queues a (3), b (1), odd:7 (2) of the master"));
  const absl::StatusOr<v1::ListWorkersResponse> workers = client().Workers();
  ASSERT_TRUE(workers.ok()) << workers.status();
  ASSERT_THAT(workers->workers(), SizeIs(1));
  EXPECT_EQ(workers->workers(0).info().labels().at("zone"), "a");
  EXPECT_EQ(workers->workers(0).info().labels().at("gpu"), "yes");
}

// Checks what became of a task whose worker ended before it did.
void ExpectGivenBack(Client& client, int64_t task_id) {
  const v1::Task task = GetTask(client, task_id);
  EXPECT_EQ(task.state(), v1::TASK_STATE_READY);
  EXPECT_EQ(task.attempt(), 0) << "the attempt counts";
  EXPECT_EQ(task.attempts_size(), 0);
}

TEST_F(WorkerProcess, WhatIsNotDoneWithinTheDrainTimeoutIsGivenBackUncounted) {
  Process& worker = cluster_.StartWorker("w1", {"--exec-shell", "--drain-timeout", "50ms"});
  const int64_t id = SubmitTask(client(), GatedTask());
  AwaitStarted();
  worker.Kill(SIGTERM);
  EXPECT_EQ(worker.Wait(), kOk) << worker.Log();
  ExpectGivenBack(client(), id);

  OpenGate();
  cluster_.StartWorker("w2", {"--exec-shell"});
  EXPECT_EQ(AwaitState(client(), id, v1::TASK_STATE_SUCCEEDED).attempt(), 1);
}

TEST_F(WorkerProcess, ASecondSigtermGivesBackAtOnceWhatRuns) {
  Process& worker = cluster_.StartWorker("w1", {"--exec-shell", "--drain-timeout", "1h"});
  const int64_t id = SubmitTask(client(), GatedTask());
  AwaitStarted();
  worker.Kill(SIGTERM);
  ASSERT_TRUE(worker.AwaitLog("SIGTERM: draining")) << worker.Log();
  worker.Kill(SIGTERM);
  EXPECT_EQ(worker.Wait(), kOk) << worker.Log();
  EXPECT_THAT(worker.Log(), HasSubstr("SIGTERM: giving back what runs"));
  ExpectGivenBack(client(), id);
}

TEST_F(WorkerProcess, ACommandThatIgnoresSigtermDoesNotHoldItUp) {
  Process& worker = cluster_.StartWorker(
      "w1", {"--exec-shell", "--drain-timeout", "50ms", "--kill-after", "50ms"});
  const int64_t id = SubmitTask(
      client(), ShellTask("trap '' TERM; echo started > started; while :; do sleep 0.02; done",
                          cluster_.path()));
  AwaitStarted();
  worker.Kill(SIGTERM);
  EXPECT_EQ(worker.Wait(), kOk) << worker.Log();
  ExpectGivenBack(client(), id);
}

}  // namespace
}  // namespace tarea
