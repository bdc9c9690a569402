// What a command gets, and what comes back from it. How its processes end is in exec_tree_test.cc.

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_split.h"
#include "tests/unit/worker/exec_fixture.h"
#include "worker/handlers/process.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

class Exec : public ExecFixture {};

// --- What it gets ------------------------------------------------------------------------------

TEST_F(Exec, ArgumentsArriveAsTheyAreAndNoShellSeesThem) {
  const Outcome outcome =
      Run(Argv({"printf", "<%s>", "a b", "", "$HOME", "*", "; exit 1", "\"'\\", "\n", "\u00fc"}));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.result.stdout_data(), "<a b><><$HOME><*><; exit 1><\"'\\><\n><\u00fc>");
  EXPECT_EQ(outcome.result.exit_code(), 0);
  EXPECT_EQ(outcome.result.signal(), 0);
  EXPECT_GT(outcome.result.duration().nanos(), 0);
}

TEST_F(Exec, StdinIsThePayloads) {
  v1::ExecPayload payload = Argv({"cat"});
  EXPECT_EQ(Run(payload).result.stdout_data(), "");
  payload.set_stdin_data(std::string("a\0b\n", 4));
  EXPECT_EQ(Run(payload).result.stdout_data(), std::string("a\0b\n", 4));
}

TEST_F(Exec, AChildThatDoesNotReadALargeStdinDisturbsNobody) {
  v1::ExecPayload payload = Argv({"true"});
  payload.set_stdin_data(std::string(3 << 20, 'x'));
  EXPECT_TRUE(Run(payload).status.ok());
  payload = Argv({"sh", "-c", "head -c 3; cat >&2"});  // and one that reads it late
  payload.set_stdin_data(std::string(100'000, 'x'));
  const Outcome outcome = Run(payload);
  EXPECT_EQ(outcome.result.stdout_data(), "xxx");
  EXPECT_EQ(outcome.result.stderr_data().size(), 100'000 - 3);
}

TEST_F(Exec, TheEnvironmentIsAListOfTheWorkersAndThePayloadsAndTheTasks) {
  for (const char* variable : {"FROM_WORKER=w", "CHANGED=w", "LC_TIME=C", "SECRET_KEY=k",
                               "LD_DEBUG_OUTPUT=/no", "TAREA_TOKEN=secret"}) {
    ASSERT_EQ(putenv(const_cast<char*>(variable)), 0);  // NOLINT(concurrency-mt-unsafe): no threads
  }
  options_.policy.environment = {"FROM_WORKER", "CHANGED"};
  v1::ExecPayload payload = Argv({"env"});
  (*payload.mutable_env())["CHANGED"] = "p=1";
  (*payload.mutable_env())["TAREA_TASK_ID"] = "forged";
  const std::vector<std::string> lines = absl::StrSplit(Run(payload).result.stdout_data(), '\n');
  EXPECT_THAT(
      lines, testing::IsSupersetOf({"FROM_WORKER=w", "CHANGED=p=1", "LC_TIME=C", "TAREA_TASK_ID=17",
                                    "TAREA_ATTEMPT=2", "TAREA_BATCH_ID=5"}));
  for (const char* kept_back : {"TAREA_TOKEN", "SECRET_KEY", "LD_"}) {
    EXPECT_THAT(lines, testing::Not(testing::Contains(StartsWith(kept_back))));
  }
  EXPECT_THAT(lines, testing::Contains(StartsWith("PATH=")));
}

TEST_F(Exec, TheProgramIsLookedForInThePathOfTheCommand) {
  std::ofstream(dir_.path() + "/hello") << "#!/bin/sh\necho hello\n";
  std::filesystem::permissions(dir_.path() + "/hello", std::filesystem::perms::owner_all);
  v1::ExecPayload payload = Argv({"hello"});
  EXPECT_EQ(Run(payload).status.code(), StatusCode::kNotFound);
  (*payload.mutable_env())["PATH"] = "/nowhere:" + dir_.path();
  EXPECT_EQ(Run(payload).result.stdout_data(), "hello\n");
}

TEST_F(Exec, ItRunsInTheWorkingDirectory) {
  v1::ExecPayload payload = Argv({"pwd"});
  payload.set_working_directory(dir_.path());
  EXPECT_EQ(Run(payload).result.stdout_data(), dir_.path() + "\n");
}

TEST_F(Exec, OnlyItsStreamsAndItsProgressAreOpen) {
  const UniqueFd open_on_exec(open("/dev/null", O_RDONLY));  // NOLINT: that is the point
  const Outcome outcome = Run(Argv({"ls", "/proc/self/fd"}));
  EXPECT_EQ(outcome.result.stdout_data(), "0\n1\n2\n3\n4\n");  // 4 is the folder that ls reads
}

TEST_F(Exec, ItWorksInAWorkerWithoutStdinAndStdout) {
  const UniqueFd in(dup(0));
  const UniqueFd out(dup(1));
  close(0);
  close(1);
  v1::ExecPayload payload = Argv({"sh", "-c", "cat; echo err >&2"});
  payload.set_stdin_data("in");
  const Outcome outcome = Run(payload);
  dup2(in.get(), 0);
  dup2(out.get(), 1);
  EXPECT_EQ(outcome.result.stdout_data(), "in");
  EXPECT_EQ(outcome.result.stderr_data(), "err\n");
}

TEST_F(Exec, SignalsAreNeitherBlockedNorIgnored) {
  signal(SIGUSR1, SIG_IGN);
  sigset_t blocked;
  sigset_t before;
  sigfillset(&blocked);
  pthread_sigmask(SIG_SETMASK, &blocked, &before);
  const absl::Cleanup restore = [&] {
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    signal(SIGUSR1, SIG_DFL);
  };
  const Outcome outcome = Run(Argv({"grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"}));
  EXPECT_EQ(outcome.result.stdout_data(), "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
}

TEST_F(Exec, ItLeadsASessionAndCannotGainPrivileges) {
  Outcome outcome = Run(Argv({"cut", "-d ", "-f1,5,6", "/proc/self/stat"}));
  const std::vector<std::string> ids =
      absl::StrSplit(absl::StripAsciiWhitespace(outcome.result.stdout_data()), ' ');
  EXPECT_THAT(ids, testing::ElementsAre(ids[0], ids[0], ids[0]));
  outcome = Run(Argv({"grep", "NoNewPrivs", "/proc/self/status"}));
  EXPECT_EQ(outcome.result.stdout_data(), "NoNewPrivs:\t1\n");
}

TEST_F(Exec, ALongListOfArgumentsArrives) {
  v1::ExecPayload payload = Argv({"printf", "%s."});
  for (int i = 0; i < 100; ++i) payload.add_argv(std::string(10'000, 'x'));
  options_.max_output = 2'000'000;
  const Handler handler = ExecHandler(options_);
  FakeContext context;
  for (int repeat = 0; repeat < 2; ++repeat) {
    v1::ExecResult result;
    ASSERT_TRUE(result.ParseFromString(*handler(Task(payload.SerializeAsString()), context)));
    EXPECT_EQ(result.stdout_data().size(), 100 * 10'001);
  }
}

// --- What comes back ---------------------------------------------------------------------------

TEST_F(Exec, AnExitCodeIsAnErrorWithTheLastLineOfStderr) {
  const Outcome outcome =
      Run(Script("echo out; echo first >&2; printf 'bad \\033[31m thing\\n\\n' >&2; exit 3"));
  EXPECT_EQ(outcome.status, absl::UnknownError("exit code 3: bad \\x1b[31m thing"));
  EXPECT_FALSE(IsNonRetryable(outcome.status));
  EXPECT_EQ(outcome.result.exit_code(), 3);
  EXPECT_EQ(outcome.result.stdout_data(), "out\n");
  EXPECT_THAT(outcome.result.stderr_data(), StartsWith("first\n"));
  EXPECT_EQ(Run(Argv({"false"})).status, absl::UnknownError("exit code 1"));
}

TEST_F(Exec, ASignalIsAnErrorThatNamesIt) {
  const Outcome outcome = Run(Script("kill -9 $$"));
  EXPECT_EQ(outcome.status, absl::UnknownError("killed by signal 9 (SIGKILL)"));
  EXPECT_EQ(outcome.result.exit_code(), -1);
  EXPECT_EQ(outcome.result.signal(), 9);
}

TEST_F(Exec, OutputIsCutAtTheLimitAndTheLastLineIsStillKnown) {
  options_.max_output = 10;
  const Outcome outcome =
      Run(Script("printf 0123456789; seq 100000 >&2; echo the end >&2; exit 1"));
  EXPECT_EQ(outcome.status, absl::UnknownError("exit code 1: the end"));
  EXPECT_EQ(outcome.result.stdout_data(), "0123456789");
  EXPECT_FALSE(outcome.result.stdout_truncated());
  EXPECT_EQ(outcome.result.stderr_data(), "1\n2\n3\n4\n5\n");
  EXPECT_TRUE(outcome.result.stderr_truncated());
}

TEST_F(Exec, AllThatACommandWritesGoesToThoseWhoFollowAlsoWhatIsNotKept) {
  options_.max_output = 10;
  FakeContext context;
  Run(Script("printf 0123456789abc; echo oops >&2"), context);
  EXPECT_EQ(context.written(OutputStream::kStdout), "0123456789abc");
  EXPECT_EQ(context.written(OutputStream::kStderr), "oops\n");
}

TEST_F(Exec, AFloodOfOutputIsReadAndDropped) {
  const Outcome outcome = Run(Argv({"head", "-c", "100000000", "/dev/zero"}));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(outcome.result.stdout_data().size(), 1 << 20);
  EXPECT_TRUE(outcome.result.stdout_truncated());
}

TEST_F(Exec, ACommandThatReadsItsOwnOutputHoldsUpNobody) {
  const v1::ExecPayload payload = Script(
      "for i in 1 2 3 4; do cat /proc/$$/fd/1 >/dev/null & done;"
      "for i in 1 2 3 4 5; do echo x; sleep 0.01; done");
  for (int repeat = 0; repeat < 20; ++repeat) {
    const Outcome outcome = Run(payload);
    EXPECT_TRUE(outcome.status.ok()) << outcome.status;
  }
}

TEST(CapturedOutput, ALineThatIsPartlyKeptIsWhole) {
  CapturedOutput output(4);
  output.Add("one\ntw");
  output.Add("o\n \n");
  EXPECT_EQ(output.data(), "one\n");
  EXPECT_TRUE(output.truncated());
  EXPECT_EQ(output.LastLine(), "two");
  EXPECT_EQ(CapturedOutput(4).LastLine(), "");
}

TEST(CapturedOutput, TheLastLineIsOneThatSaysMoreThanWhereToFindHelp) {
  const auto last = [](absl::string_view text) {
    CapturedOutput output(1000);
    output.Add(text);
    return output.LastLine();
  };
  EXPECT_EQ(last("first\nls: unrecognized option '--x'\nTry 'ls --help' for more information.\n"),
            "ls: unrecognized option '--x'");
  EXPECT_EQ(last("error: what\n\n  Usage: x [FILE]\n\nFor more information, try '--help'.\n"),
            "error: what");
  EXPECT_EQ(last("busy\nTry again later\n"), "Try again later");
  EXPECT_EQ(last("\nusage: x\nTry: x --help\n"), "Try: x --help") << "there is nothing else";
}

// --- What cannot be run ------------------------------------------------------------------------

TEST_F(Exec, WhatCannotBeStartedSaysWhy) {
  Outcome outcome = Run(Argv({"no-such-program"}));
  EXPECT_EQ(outcome.status,
            absl::NotFoundError("cannot start 'no-such-program': No such file or directory"));
  EXPECT_EQ(outcome.result.exit_code(), -1);
  EXPECT_EQ(Run(Argv({"/etc/passwd"})).status,
            absl::PermissionDeniedError("cannot start '/etc/passwd': Permission denied"));
  v1::ExecPayload payload = Argv({"true"});
  payload.set_working_directory("/no/such");
  EXPECT_EQ(Run(payload).status, absl::NotFoundError("cannot enter the working directory "
                                                     "'/no/such': No such file or directory"));
}

TEST_F(Exec, AFileThatOnlyAShellUnderstandsIsNotGivenToOne) {
  const std::string file = dir_.path() + "/script";
  std::ofstream(file) << "echo hello\n";
  std::filesystem::permissions(file, std::filesystem::perms::owner_all);
  EXPECT_THAT(std::string(Run(Argv({file})).status.message()), EndsWith("': Exec format error"));
}

TEST_F(Exec, ArgumentsThatAreTooLongForTheSystemNeverWork) {
  const Outcome outcome = Run(Argv({"true", std::string(1 << 20, 'x')}));
  EXPECT_EQ(
      outcome.status,
      NonRetryable(absl::InvalidArgumentError("cannot start 'true': Argument list too long")));
}

TEST_F(Exec, APayloadThatCannotWorkSaysWhatIsWrongWithIt) {
  const std::string nul("a\0b", 3);
  v1::ExecPayload directory = Argv({"true"});
  directory.set_working_directory(nul);
  v1::ExecPayload both = Argv({"true"});
  both.set_working_directory("/tmp");
  both.set_fresh_directory(true);
  v1::ExecPayload limits = Argv({"true"});
  limits.mutable_limits()->set_file_bytes(-1);
  const auto env = [](const std::string& name, const std::string& value) {
    v1::ExecPayload payload = Argv({"true"});
    (*payload.mutable_env())[name] = value;
    return payload.SerializeAsString();
  };
  const std::pair<std::string, std::string> cases[] = {
      {"\xff\xff", "the payload '\\xff\\xff' is not a serialized ExecPayload"},
      {"", "argv is empty"},
      {Argv({""}).SerializeAsString(), "argv[0] is empty"},
      {Argv({"echo", nul}).SerializeAsString(), "argv[1] 'a\\x00b' has a NUL at byte 1"},
      {both.SerializeAsString(), "it has both fresh_directory and working_directory, '/tmp'"},
      {limits.SerializeAsString(), "limits.file_bytes is -1; it must not be negative"},
      {directory.SerializeAsString(), "working_directory 'a\\x00b' has a NUL at byte 1"},
      {env("", "v"), "env has a variable with an empty name"},
      {env("A=B", "v"), "env has a variable named 'A=B'"},
      {env(nul, "v"), "the name of the env variable 'a\\x00b' has a NUL"},
      {env("A", nul), "env variable A: 'a\\x00b' has a NUL"},
  };
  for (const auto& [payload, message] : cases) {
    FakeContext context;
    const absl::Status status = RunBytes(payload, context).status;
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(message));
    EXPECT_TRUE(IsNonRetryable(status)) << status;
  }
}

// --- Many at once ------------------------------------------------------------------------------

int OpenDescriptors() {
  const auto files = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<int>(std::distance(begin(files), end(files)));
}

TEST_F(Exec, ManyAtOnceEachGetTheirOwnAndLeaveNothingOpen) {
  const int before = OpenDescriptors();
  std::atomic<int> next = 0;
  std::vector<std::thread> slots;
  slots.reserve(8);
  for (int i = 0; i < 8; ++i) {
    slots.emplace_back([&] {
      for (int task = next++; task < 50; task = next++) {
        v1::ExecPayload payload = Script("cat; echo err $N >&2; (sleep 1000 &); exit $N");
        payload.set_stdin_data(absl::StrCat("in ", task));
        (*payload.mutable_env())["N"] = absl::StrCat(task);
        const Outcome outcome = Run(payload);
        EXPECT_EQ(outcome.result.stdout_data(), absl::StrCat("in ", task));
        EXPECT_EQ(outcome.result.stderr_data(), absl::StrCat("err ", task, "\n"));
        EXPECT_EQ(outcome.result.exit_code(), task);
      }
    });
  }
  for (std::thread& slot : slots) slot.join();
  EXPECT_EQ(OpenDescriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "a zombie is left";
  EXPECT_EQ(Alive(), 0);
}

TEST_F(Exec, WithoutDescriptorsLeftItIsAnErrorAndLeaksNone) {
  const Handler handler = ExecHandler(options_);
  const v1::LeasedTask task = Task(Argv({"true"}).SerializeAsString());
  FakeContext context;
  EXPECT_TRUE(handler(task, context).ok());
  std::vector<UniqueFd> all;
  for (UniqueFd fd(dup(0)); fd.valid(); fd = UniqueFd(dup(0))) all.push_back(std::move(fd));
  // One for the stop and two for each pipe.
  for (int spare = 0; spare < 7; ++spare) {
    const absl::Status status = handler(task, context).status();
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    all.pop_back();
  }
  EXPECT_TRUE(handler(task, context).ok());
}

TEST_F(Exec, WithoutDescriptorsLeftForAGuardianItIsAnErrorAndLeaksNone) {
  const v1::LeasedTask task = Task(Argv({"true"}).SerializeAsString());
  FakeContext context;
  // Sanitizers need descriptors for what they see for the first time.
  const ExecOptions options = options_;
  EXPECT_TRUE(ExecHandler(options)(task, context).ok());
  std::vector<UniqueFd> all;
  for (UniqueFd fd(dup(0)); fd.valid(); fd = UniqueFd(dup(0))) all.push_back(std::move(fd));
  for (int spare = 0; spare < 9; ++spare) {
    const absl::Status status = ExecHandler(options)(task, context).status();
    EXPECT_EQ(status.code(), StatusCode::kResourceExhausted) << status;
    all.pop_back();
  }
  EXPECT_TRUE(ExecHandler(options)(task, context).ok());
}

}  // namespace
}  // namespace tarea
