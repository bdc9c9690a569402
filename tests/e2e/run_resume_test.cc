// `client run` that is killed or interrupted, and what comes back to it.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "common/exit_codes.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

constexpr ProcessEnd kOk{.code = kExitOk};
constexpr int kTasks = 200;
// More than a pipe's buffer between them.
constexpr absl::string_view kCommand = "head -c 2000 /dev/zero | tr '\\0' x; echo \" $1\"";

enum class To { kPipe, kFile, kAppendedFile };

std::string Inputs(int count) {
  std::string inputs;
  for (int i = 1; i <= count; ++i) absl::StrAppend(&inputs, i, "\n");
  return inputs;
}

class RunResume : public testing::Test {
 protected:
  void SetUp() override {
    cluster_.StartMaster();
    WriteFile(inputs_, Inputs(kTasks));
  }

  std::unique_ptr<Process> Start(const std::vector<std::string>& arguments,
                                 const std::string& input = "") {
    std::vector<std::string> all = {"--master", cluster_.address(), "--connect-timeout", "60s"};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return std::make_unique<Process>(BinPath("client"), all,
                                     ProcessOptions{.environment = environment_, .input = input});
  }

  // Waits until clients have begun so many journals.
  bool AwaitJournals(int count) {
    const std::string runs = environment_["XDG_STATE_HOME"] + "/tarea/runs";
    return WaitFor([&] {
      int found = 0;
      if (!std::filesystem::exists(runs)) return false;
      for (const auto& file : std::filesystem::directory_iterator(runs)) {
        found += file.path().extension() == ".run" ? 1 : 0;
      }
      return found == count;
    });
  }

  // The client with an output of the test's own; never more than `life`.
  struct Life {
    bool killed = false;
    int exit = -1;
  };
  Life Live(const std::vector<std::string>& arguments, int out, absl::Duration life) {
    std::vector<std::string> words = {BinPath("client"), "--master", cluster_.address(),
                                      "--log-level", "off"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const std::string state = environment_["XDG_STATE_HOME"];
    const pid_t child = fork();
    if (child == 0) {
      setenv("XDG_STATE_HOME", state.c_str(), 1);
      dup2(out, STDOUT_FILENO);
      const int null = open("/dev/null", O_RDWR);
      dup2(null, STDIN_FILENO);
      dup2(null, STDERR_FILENO);
      execv(argv[0], argv.data());
      _exit(127);
    }
    int status = 0;
    const absl::Time end = absl::Now() + life;
    const bool ended = WaitFor([&] { return waitpid(child, &status, WNOHANG) == child; }, life);
    if (!ended) {
      kill(child, SIGKILL);
      waitpid(child, &status, 0);
    }
    return {.killed = !WIFEXITED(status) || absl::Now() > end + absl::Hours(1),
            .exit = WIFEXITED(status) ? WEXITSTATUS(status) : -1};
  }

  // Runs kTasks commands with a client that is killed at times that chance decides, and followed by
  // another one, and so on. Answers all that was printed.
  std::string RunWithKills(To to, const std::vector<std::string>& flags, std::mt19937& chance,
                           int& kills) {
    std::vector<std::string> arguments = {"run"};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    for (const absl::string_view word : {"-a", inputs_.c_str(), "--", "sh", "-c"}) {
      arguments.emplace_back(word);
    }
    for (const absl::string_view word : {kCommand, absl::string_view("_")}) {
      arguments.emplace_back(word);
    }
    std::string printed;
    std::thread reader;
    int out = -1;
    if (to == To::kPipe) {
      int fds[2];
      EXPECT_EQ(pipe2(fds, O_CLOEXEC), 0);
      out = fds[1];
      reader = std::thread([&printed, in = fds[0]] {
        char buffer[777];
        for (ssize_t n = 0; (n = read(in, buffer, sizeof(buffer))) > 0;) {
          printed.append(buffer, static_cast<size_t>(n));
        }
        close(in);
      });
    }
    const std::string file = cluster_.path() + "/printed";
    std::filesystem::remove(file);
    int64_t batch_id = 0;
    for (bool ended = false; !ended;) {
      if (to == To::kFile) out = open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
      if (to == To::kAppendedFile) {
        out = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
      }
      // The last ones are left alone, so that there is an end whatever the machine's speed.
      const bool spare = kills >= 10;
      std::uniform_int_distribution<int> milliseconds(20, 250);
      const Life life = Live(arguments, out,
                             spare ? Process::kPatience : absl::Milliseconds(milliseconds(chance)));
      if (to == To::kFile) printed += ReadFile(file);
      if (to != To::kPipe) close(out);
      ended = !life.killed;
      EXPECT_TRUE(life.killed || life.exit == kExitOk) << life.exit;
      kills += life.killed ? 1 : 0;
      EXPECT_TRUE(cluster_.client()
                      .ListBatches([&](const v1::Batch& batch) {
                        batch_id = batch.id();
                        return false;
                      })
                      .ok());
      if (batch_id > last_batch_) arguments = {"run", "--resume", absl::StrCat(batch_id)};
    }
    last_batch_ = batch_id;
    if (to == To::kPipe) {
      close(out);
      reader.join();
    }
    if (to == To::kAppendedFile) printed = ReadFile(file);
    return printed;
  }

  static std::string Expected() {
    std::string expected;
    for (int i = 1; i <= kTasks; ++i) {
      absl::StrAppend(&expected, std::string(2000, 'x'), " ", i, "\n");
    }
    return expected;
  }

  // Of a run that was killed before it had submitted anything there is no batch.
  int64_t last_batch_ = 0;
  Cluster cluster_;
  std::map<std::string, std::string> environment_ = {
      {"XDG_STATE_HOME", cluster_.path() + "/state"}};
  const std::string inputs_ = cluster_.path() + "/inputs";
};

TEST_F(RunResume, KilledAgainAndAgainItPrintsEachOutputOnceAndInOrder) {
  cluster_.StartWorker("w1", {"--exec-shell", "--slots", "2"});
  std::mt19937 chance(testing::UnitTest::GetInstance()->random_seed());
  for (const To to : {To::kPipe, To::kFile, To::kAppendedFile}) {
    int kills = 0;
    const std::string printed = RunWithKills(to, {}, chance, kills);
    EXPECT_TRUE(printed == Expected())
        << "to " << static_cast<int>(to) << ": " << printed.size() << " bytes instead of "
        << Expected().size() << " after " << kills << " kills";
    EXPECT_GE(kills, 1);
  }
  // Of each run one page is left, for a while.
  for (const auto& file :
       std::filesystem::directory_iterator(environment_["XDG_STATE_HOME"] + "/tarea/runs")) {
    EXPECT_EQ(file.path().extension(), ".done");
    EXPECT_EQ(file.file_size(), 4096);
  }
}

TEST_F(RunResume, KilledAgainAndAgainItPrintsEachOutputOnceAsTheTasksFinish) {
  cluster_.StartWorker("w1", {"--exec-shell", "--slots", "2"});
  std::mt19937 chance(testing::UnitTest::GetInstance()->random_seed());
  int kills = 0;
  const std::string printed = RunWithKills(To::kPipe, {"--as-completed"}, chance, kills);
  std::vector<std::string> lines = absl::StrSplit(printed, '\n', absl::SkipEmpty());
  std::vector<std::string> expected = absl::StrSplit(Expected(), '\n', absl::SkipEmpty());
  std::sort(lines.begin(), lines.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_TRUE(lines == expected) << lines.size() << " lines after " << kills << " kills";
  EXPECT_GE(kills, 1);
}

TEST_F(RunResume, TheFirstSignalLeavesTheBatchAloneAndSaysHowToComeBack) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    const std::string id = absl::StrCat(++last_batch_);
    const std::unique_ptr<Process> run = Start({"run", "--", "echo", ":::", "a", "b"});
    ASSERT_TRUE(AwaitJournals(static_cast<int>(last_batch_)));
    run->Kill(signal);
    EXPECT_EQ(run->Wait(), ProcessEnd{.code = kExitInterrupted}) << run->Log();
    EXPECT_EQ(run->Log(), absl::StrCat("client: interrupted; batch ", id,
                                       " goes on; to come back: client run --resume ", id,
                                       "; to stop it: client cancel --batch ", id, "\n"));
  }
  cluster_.StartWorker("w1", {"--exec-shell"});
  const std::unique_ptr<Process> resumed = Start({"run", "--resume", "1"});
  EXPECT_EQ(resumed->Wait(), kOk);
  EXPECT_EQ(resumed->Output(), "a\nb\n");
  EXPECT_EQ(resumed->Log(), "client: 2 tasks: 2 succeeded\n");
}

TEST_F(RunResume, ASecondSignalEndsARunWhoseOutputNobodyReads) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  const std::string address = cluster_.address();
  const std::string program = BinPath("client");
  const pid_t child = fork();
  if (child == 0) {
    dup2(fds[1], STDOUT_FILENO);
    setenv("XDG_STATE_HOME", environment_["XDG_STATE_HOME"].c_str(), 1);
    execl(program.c_str(), program.c_str(), "--master", address.c_str(), "run", "--once", "--",
          "head", "-c", "1000000", "/dev/zero", nullptr);
    _exit(127);
  }
  close(fds[1]);
  // Once something is there the client writes, and then waits for somebody to read.
  char byte = 'x';
  ASSERT_EQ(read(fds[0], &byte, 1), 1);
  int status = 0;
  const bool ended = WaitFor([&] {
    kill(child, SIGINT);
    return waitpid(child, &status, WNOHANG) == child;
  });
  EXPECT_TRUE(ended);
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), kExitInterrupted);
  close(fds[0]);
}

TEST_F(RunResume, InterruptedWhileInputsComeItClosesTheBatchWithWhatItHas) {
  // Its stdin is a pipe that stays open.
  int fds[2];
  ASSERT_EQ(pipe2(fds, O_CLOEXEC), 0);
  const std::string log = cluster_.path() + "/log";
  const std::string address = cluster_.address();
  const std::string program = BinPath("client");
  const pid_t child = fork();
  if (child == 0) {
    dup2(fds[0], STDIN_FILENO);
    dup2(open(log.c_str(), O_WRONLY | O_CREAT, 0600), STDERR_FILENO);
    setenv("XDG_STATE_HOME", environment_["XDG_STATE_HOME"].c_str(), 1);
    execl(program.c_str(), program.c_str(), "--master", address.c_str(), "run", "--", "echo",
          nullptr);
    _exit(127);
  }
  ASSERT_EQ(write(fds[1], "a\nb\n", 4), 4);
  ASSERT_TRUE(WaitFor([&] {
    const auto batch = cluster_.client().GetBatch(1);
    return batch.ok() && batch->total() == 2;
  })) << "inputs are not submitted while others are waited for";
  kill(child, SIGINT);
  int status = 0;
  EXPECT_TRUE(WaitFor([&] { return waitpid(child, &status, WNOHANG) == child; }));
  EXPECT_EQ(WEXITSTATUS(status), kExitInterrupted);
  EXPECT_THAT(ReadFile(log),
              AllOf(HasSubstr("the inputs had not come to their end; batch 1 has 2 tasks"),
                    HasSubstr("client run --resume 1")));
  EXPECT_FALSE(cluster_.client().GetBatch(1)->open());
  close(fds[0]);
  close(fds[1]);
}

TEST_F(RunResume, InterruptedWhileInputsComeFromANamedPipeItDoesTheSame) {
  const std::string pipe = cluster_.path() + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  const std::unique_ptr<Process> early = Start({"run", "-a", pipe, "--", "echo"});
  int writer = -1;
  ASSERT_TRUE(WaitFor([&] {
    writer = open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return writer >= 0;
  })) << "nobody reads it: "
      << early->Log();
  ASSERT_EQ(write(writer, "a\nb\n", 4), 4);
  ASSERT_TRUE(WaitFor([&] {
    const auto batch = cluster_.client().GetBatch(1);
    return batch.ok() && batch->total() == 2;
  })) << "inputs are not submitted while others are waited for";
  early->Kill(SIGTERM);
  EXPECT_EQ(early->Wait(), ProcessEnd{.code = kExitInterrupted});
  EXPECT_THAT(early->Log(),
              AllOf(HasSubstr("the inputs had not come to their end; batch 1 has 2 tasks"),
                    HasSubstr("client run --resume 1")));
  close(writer);

  // Before anybody writes to it, too.
  const std::unique_ptr<Process> nothing = Start({"run", "--csv", "-a", pipe, "--", "echo"});
  ASSERT_TRUE(WaitFor([&] {
    writer = open(pipe.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    return writer >= 0;
  }));
  nothing->Kill(SIGTERM);
  EXPECT_EQ(nothing->Wait(), ProcessEnd{.code = kExitInterrupted});
  EXPECT_EQ(nothing->Log(), "client: interrupted before anything was submitted\n");
  close(writer);
}

TEST_F(RunResume, CancelOnInterruptCancelsWhatIsLeft) {
  cluster_.StartWorker("w1", {"--exec-shell", "--slots", "1"});
  const std::unique_ptr<Process> run =
      Start({"run", "--cancel-on-interrupt", "--workdir", cluster_.path(), "--", "sh", "-c",
             "echo $$ > pid; exec sleep 1000", ":::", "a", "b", "c"});
  const std::string pid = AwaitLine(cluster_.path() + "/pid");
  run->Kill(SIGINT);
  EXPECT_EQ(run->Wait(), ProcessEnd{.code = kExitInterrupted}) << run->Log();
  EXPECT_THAT(run->Log(), HasSubstr("client: interrupted; batch 1: "));
  for (int64_t id = 1; id <= 3; ++id) {
    AwaitState(cluster_.client(), id, v1::TASK_STATE_CANCELLED);
  }
  EXPECT_TRUE(AwaitGone(pid));
}

TEST_F(RunResume, ABatchWhoseSubmitterDiedIsClosedAndThatIsSaid) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  v1::SubmitTasksRequest request;
  for (const char* input : {"a", "b"}) {
    v1::ExecPayload payload;
    payload.add_argv("echo");
    payload.add_argv(input);
    v1::TaskSpec* task = request.add_tasks();
    task->set_type("exec");
    task->set_payload(payload.SerializeAsString());
  }
  request.set_keep_open(true);
  v1::SubmitTasksResponse response;
  ASSERT_TRUE(cluster_.connection()
                  .Call([&](Stub& stub, grpc::ClientContext& context) {
                    return stub.SubmitTasks(&context, request, &response);
                  })
                  .ok());
  const std::unique_ptr<Process> resumed = Start({"run", "--resume", "1"});
  EXPECT_EQ(resumed->Wait(), ProcessEnd{.code = kExitFailed});
  EXPECT_EQ(resumed->Output(), "a\nb\n");
  EXPECT_EQ(resumed->Log(),
            "client: nothing is known here of what was printed of batch 1, so all of it follows\n"
            "client: whoever submitted batch 1 ended before its last input; it has 2 tasks, and "
            "gets no more\n"
            "client: 2 tasks: 2 succeeded\n");
}

TEST_F(RunResume, WhatAnotherClientPrintsIsNotPrintedHere) {
  const std::unique_ptr<Process> run = Start({"run", "--", "echo", ":::", "a"});
  ASSERT_TRUE(AwaitJournals(1));
  const std::unique_ptr<Process> resumed = Start({"run", "--resume", "1"});
  EXPECT_EQ(resumed->Wait(), ProcessEnd{.code = kExitFailed});
  EXPECT_EQ(resumed->Log(),
            absl::StrCat("client: batch 1 is being printed by another client, process ", run->pid(),
                         "\n"));
  cluster_.StartWorker("w1", {"--exec-shell"});
  EXPECT_EQ(run->Wait(), kOk);
  EXPECT_EQ(run->Output(), "a\n");
}

TEST_F(RunResume, WithoutAPlaceForItsJournalItRunsAndSaysSoOnce) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  environment_["XDG_STATE_HOME"] = inputs_;
  const std::unique_ptr<Process> run = Start({"run", "--", "echo", ":::", "a", "b"});
  EXPECT_EQ(run->Wait(), kOk);
  EXPECT_EQ(run->Output(), "a\nb\n");
  EXPECT_EQ(run->Log(), absl::StrCat("client: cannot make ", inputs_,
                                     "/tarea/runs: Not a directory; so this run cannot be resumed\n"
                                     "client: 2 tasks: 2 succeeded\n"));
}

TEST_F(RunResume, FailuresBeforeTheKillCountAtTheEnd) {
  const std::unique_ptr<Process> run = Start(
      {"run", "--retries", "0", "--", "sh", "-c", "echo $1; [ $1 != a ]", "_", ":::", "a", "b"});
  ASSERT_TRUE(WaitFor([&] { return cluster_.client().GetBatch(1).ok(); }));
  FakeWorker worker(cluster_.connection(), "fake");
  const std::vector<v1::LeasedTask> tasks = worker.Take(1);
  ASSERT_EQ(tasks.size(), 1);
  worker.Report(tasks[0], v1::RESULT_OUTCOME_FAILED);
  run->Kill(SIGKILL);
  run->Wait();
  cluster_.StartWorker("w1", {"--exec-shell"});
  const std::unique_ptr<Process> resumed = Start({"run", "--resume", "1"});
  EXPECT_EQ(resumed->Wait(), ProcessEnd{.code = kExitFailed});
  EXPECT_THAT(resumed->Log(), AllOf(HasSubstr("client: task 1 failed: UNKNOWN: broken"),
                                    HasSubstr("client: 2 tasks: 1 succeeded, 1 failed\n")));
}

// --- On a terminal
// ----------------------------------------------------------------------------------

// What `bytes` leave on a screen, line by line, and the longest line that was ever there. Knows
// what the client uses: CR, LF, erase to the end of the line, colours.
struct Screen {
  std::vector<std::string> lines = {""};
  size_t longest_erased = 0;
};

Screen Show(absl::string_view bytes) {
  Screen screen;
  size_t column = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    std::string& line = screen.lines.back();
    if (absl::StartsWith(bytes.substr(i), "\x1b[")) {
      const size_t end = bytes.find_first_of("Km", i);
      EXPECT_NE(end, absl::string_view::npos);
      if (bytes[end] == 'K') {
        screen.longest_erased = std::max(screen.longest_erased, line.size());
        line.resize(std::min(column, line.size()));
      }
      i = end;
    } else if (bytes[i] == '\r') {
      column = 0;
    } else if (bytes[i] == '\n') {
      screen.lines.emplace_back();
      column = 0;
    } else {
      line.resize(std::max(line.size(), column + 1), ' ');
      line[column++] = bytes[i];
    }
  }
  return screen;
}

TEST_F(RunResume, OnATerminalOf40ColumnsTheProgressLineMakesWayForOutputs) {
  cluster_.StartWorker("w1", {"--exec-shell", "--slots", "1"});
  const int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(terminal, 0);
  ASSERT_EQ(grantpt(terminal), 0);
  ASSERT_EQ(unlockpt(terminal), 0);
  const int inner = open(ptsname(terminal), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(inner, 0);
  winsize size = {};
  size.ws_row = 24;
  size.ws_col = 40;
  ASSERT_EQ(ioctl(inner, TIOCSWINSZ, &size), 0);
  const std::string address = cluster_.address();
  const std::string program = BinPath("client");
  const pid_t child = fork();
  if (child == 0) {
    for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(inner, fd);
    setenv("XDG_STATE_HOME", environment_["XDG_STATE_HOME"].c_str(), 1);
    setenv("TERM", "xterm", 1);
    execl(program.c_str(), program.c_str(), "--master", address.c_str(), "run", "--retries", "0",
          "--", "sh", "-c", "sleep 0.3; echo out $1; [ $1 != 2 ]", "_", ":::", "1", "2", "3", "4",
          nullptr);
    _exit(127);
  }
  close(inner);
  std::string bytes;
  char buffer[4096];
  for (ssize_t n = 0; (n = read(terminal, buffer, sizeof(buffer))) > 0;) {
    bytes.append(buffer, static_cast<size_t>(n));
  }
  close(terminal);
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_EQ(WEXITSTATUS(status), kExitFailed);
  const Screen screen = Show(bytes);
  EXPECT_THAT(screen.lines,
              testing::ElementsAre("out 1", "out 2", "out 3", "out 4",
                                   "client: task 2 failed: UNKNOWN: exit code 1 (client show 2)",
                                   "client: 4 tasks: 3 succeeded, 1 failed", ""));
  EXPECT_THAT(bytes, AllOf(HasSubstr("1 running"), HasSubstr("\x1b[31m1 failed\x1b[0m")));
  EXPECT_GT(screen.longest_erased, 0);
  EXPECT_LT(screen.longest_erased, 40);
}

TEST_F(RunResume, ToAPipeThereIsNoEscapeSequence) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  const std::unique_ptr<Process> run =
      Start({"run", "--retries", "0", "--", "sh", "-c", "sleep 0.3; false", ":::", "a", "b", "c"});
  EXPECT_EQ(run->Wait(), ProcessEnd{.code = kExitFailed});
  EXPECT_THAT(run->Output() + run->Log(), Not(HasSubstr("\x1b")));
}

}  // namespace
}  // namespace tarea
