// However it ends, no process of a command is left.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "absl/strings/ascii.h"
#include "tests/unit/worker/exec_fixture.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::HasSubstr;
using testing::StartsWith;
using testing::UnorderedElementsAre;

// Ignores SIGTERM and writes a line when it does.
constexpr char kStubborn[] = "trap '' TERM; echo $$ > $DIR/ready; while :; do sleep 1; done";

class ExecTree : public ExecFixture {
 protected:
  // Runs `script` and stops it for `reason` once it has written to $DIR/ready.
  Outcome RunAndStop(const std::string& script, StopCause reason = StopCause::kCancelled) {
    FakeContext context;
    std::thread stopper([&] {
      WaitForLine("ready");
      context.Stop(reason);
    });
    Outcome outcome = Run(Script(script), context);
    stopper.join();
    return outcome;
  }
  void KillAtOnce() { options_.kill_after = absl::ZeroDuration(); }
};

// --- Stopped -----------------------------------------------------------------------------------

TEST_F(ExecTree, AStoppedCommandGetsSigtermAndTimeToCleanUpAndKeepsItsOutput) {
  options_.kill_after = absl::Hours(1);
  const Outcome outcome = RunAndStop(
      "trap 'echo bye; exit 0' TERM; echo hello; echo > $DIR/ready; while :; do sleep 0.01; done");
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled);
  EXPECT_THAT(std::string(outcome.status.message()), StartsWith("the command was stopped after "));
  EXPECT_THAT(std::string(outcome.status.message()), HasSubstr(": it was cancelled"));
  EXPECT_EQ(outcome.result.stdout_data(), "hello\nbye\n");
  EXPECT_EQ(outcome.result.exit_code(), 0);
}

TEST_F(ExecTree, DescendantsHaveTheirTimeToCleanUpAlsoIfTheCommandEndsAtOnce) {
  options_.kill_after = absl::Hours(1);
  const Outcome outcome = RunAndStop(
      "setsid sh -c \"trap 'sleep 0.1; echo bye; exit' TERM; echo > \\$DIR/ready;"
      " while :; do sleep 0.01; done\" & wait");
  EXPECT_EQ(outcome.result.signal(), SIGTERM);
  EXPECT_EQ(outcome.result.stdout_data(), "bye\n");
}

TEST_F(ExecTree, ACommandThatIgnoresSigtermIsKilled) {
  options_.kill_after = absl::Milliseconds(50);
  const Outcome outcome = RunAndStop(kStubborn);
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled);
  EXPECT_EQ(outcome.result.signal(), SIGKILL);
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecTree, OutOfTimeIsDeadlineExceeded) {
  KillAtOnce();
  const Outcome outcome = RunAndStop(kStubborn, StopCause::kTimedOut);
  EXPECT_EQ(outcome.status.code(), StatusCode::kDeadlineExceeded);
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecTree, ACommandOfATaskThatIsStoppedAlreadyIsNotStarted) {
  FakeContext context;
  context.Stop(StopCause::kDraining);
  const Outcome outcome = Run(Script("touch $DIR/started"), context);
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled);
  EXPECT_FALSE(std::filesystem::exists(dir_.path() + "/started"));
}

TEST_F(ExecTree, AGrandchildInASessionOfItsOwnEndsWithTheTask) {
  KillAtOnce();
  RunAndStop(absl::StrCat("setsid sh -c \"", kStubborn, "\" & wait"));
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecTree, ADaemonEndsWithTheTask) {
  KillAtOnce();
  RunAndStop(absl::StrCat("(setsid sh -c \"(", kStubborn, ") &\" &); sleep 1000"));
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecTree, AStoppedProcessGetsItsSigterm) {
  options_.kill_after = absl::Hours(1);
  RunAndStop("echo > $DIR/ready; kill -STOP $$");
  EXPECT_EQ(Alive(), 0);
}

// --- Ended by itself ---------------------------------------------------------------------------

TEST_F(ExecTree, BackgroundChildrenEndWithTheCommandAndHoldItUpNoLonger) {
  const Outcome outcome = Run(Script("sleep 1000 & setsid sleep 1000 & (sleep 1000 &); echo done"));
  EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.result.stdout_data(), "done\n");
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecTree, ProcessesThatForkAndExitForEverAreCaught) {
  Run(Script("f() { f & }; f; exit"));
  EXPECT_EQ(Alive(), 0);
  std::ofstream(dir_.path() + "/runaway") << "echo > $DIR/ready; setsid sh $DIR/runaway &\n";
  Run(Script("sh $DIR/runaway; while ! test -e $DIR/ready; do :; done"));
  EXPECT_EQ(Alive(), 0);
}

TEST_F(ExecTree, ASignalToTheWholeSessionDoesNotReachTheGuardian) {
  const Outcome outcome = Run(Script("kill -HUP 0"));
  EXPECT_EQ(outcome.status, absl::UnknownError("killed by signal 1 (SIGHUP)"));
  const Outcome parent = Run(Script("kill -TERM $PPID; kill -INT $PPID; echo fine"));
  EXPECT_EQ(parent.result.stdout_data(), "fine\n");
}

// --- The worker or the guardian is killed ------------------------------------------------------

TEST_F(ExecTree, WhenTheWorkerIsKilledAllProcessesOfAllItsTasksEnd) {
  const pid_t worker = fork();
  if (worker == 0) {
    // Two at once: each guardian is forked while the other's socket is open.
    std::thread other([&] { Run(Script("echo > $DIR/other; sleep 1000")); });
    Run(Script(absl::StrCat("setsid sh -c \"", kStubborn, "\" & sleep 1000")));
    _exit(1);
  }
  WaitForLine("ready");
  WaitForLine("other");
  EXPECT_GE(Alive(), 3);
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  ASSERT_EQ(waitpid(worker, nullptr, 0), worker);
  while (Alive() > 0) std::this_thread::yield();
}

TEST_F(ExecTree, WhenTheGuardianIsKilledTheCommandDiesWithoutHelpFromTheWorker) {
  const pid_t worker = fork();
  if (worker == 0) {
    Run(Script("echo $PPID > $DIR/guardian; exec sleep 1000"));
    _exit(1);
  }
  int guardian = 0;
  ASSERT_TRUE(absl::SimpleAtoi(WaitForLine("guardian"), &guardian));
  ASSERT_EQ(kill(worker, SIGSTOP), 0);
  ASSERT_EQ(kill(guardian, SIGKILL), 0);
  while (Alive() > 0) std::this_thread::yield();
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  ASSERT_EQ(waitpid(worker, nullptr, 0), worker);
}

TEST_F(ExecTree, WhenTheGuardianIsKilledTheHandlerSaysSoAndTheCommandDies) {
  const Outcome outcome = Run(Script("(trap '' HUP; sleep 1000) & kill -9 $PPID; sleep 1000"));
  EXPECT_EQ(outcome.status.code(), StatusCode::kInternal);
  while (Alive() > 0) std::this_thread::yield();
}

// --- One guardian after the other ----------------------------------------------------------------

// A handler that is kept, as a worker keeps it.
class ExecGuardian : public ExecTree {
 protected:
  // What the script wrote, without its newline; or what went wrong.
  std::string Say(const std::string& script) {
    FakeContext context;
    const absl::StatusOr<std::string> returned =
        handler_(Task(Script(script).SerializeAsString()), context);
    v1::ExecResult result;
    if (!returned.ok()) return returned.status().ToString();
    EXPECT_TRUE(result.ParseFromString(*returned));
    return std::string(absl::StripAsciiWhitespace(result.stdout_data()));
  }

  static std::vector<std::string> NamesIn(const std::string& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory)) {
      names.push_back(entry.path().filename().string());
    }
    return names;
  }

  const Handler handler_ = ExecHandler(options_);
};

TEST_F(ExecGuardian, OneRunsCommandsOneAfterTheOtherAndKeepsNothingOfThem) {
  const std::string guardian = Say("echo $PPID");
  EXPECT_EQ(Say("setsid sleep 1000 & cd /; ulimit -n 20; umask 077; trap '' TERM; echo $PPID"),
            guardian);
  EXPECT_EQ(Alive(), 0);
  EXPECT_EQ(Say("exit 3"), "UNKNOWN: exit code 3");
  EXPECT_EQ(Say("cat; test $(pwd) != / && echo $PPID"), guardian);
  // From here: a command can be quicker than its guardian is in closing the command's descriptors.
  EXPECT_THAT(NamesIn(absl::StrCat("/proc/", guardian, "/fd")),
              UnorderedElementsAre("0", "1", "2", "3", "4"));
}

TEST_F(ExecGuardian, OneThatWasKilledBetweenTwoCommandsIsReplaced) {
  const std::string guardian = Say("echo $PPID");
  int pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(guardian, &pid));
  ASSERT_EQ(kill(pid, SIGKILL), 0);
  // Gone but for its number, which is given back when it is replaced.
  siginfo_t info = {};
  ASSERT_EQ(waitid(P_PID, pid, &info, WEXITED | WNOWAIT), 0);
  const std::string next = Say("echo $PPID");
  EXPECT_NE(next, guardian);
  EXPECT_EQ(Say("echo $PPID"), next);
}

TEST_F(ExecGuardian, OneThatWasKilledDuringACommandIsReplaced) {
  EXPECT_THAT(Say("kill -9 $PPID; sleep 1000"), StartsWith("INTERNAL: "));
  EXPECT_EQ(Say("echo fine"), "fine");
}

TEST_F(ExecGuardian, AnIdleOneEndsWithTheWorker) {
  const pid_t worker = fork();
  if (worker == 0) {
    Say("echo $PPID > $DIR/guardian");
    pause();
  }
  int guardian = 0;
  ASSERT_TRUE(absl::SimpleAtoi(WaitForLine("guardian"), &guardian));
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  ASSERT_EQ(waitpid(worker, nullptr, 0), worker);
  while (std::filesystem::exists(absl::StrCat("/proc/", guardian))) std::this_thread::yield();
}

}  // namespace
}  // namespace tarea
