// Limits, directories of their own, and progress of commands.

#include <stdlib.h>

#include <limits>

#include "absl/base/config.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "common/clock.h"
#include "tests/unit/worker/exec_fixture.h"
#include "worker/held_task.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

// --- Limits ------------------------------------------------------------------------------------

class ExecLimits : public ExecFixture {
 protected:
  std::string Limits(const v1::ExecPayload& payload) { return Run(payload).result.stdout_data(); }
};

constexpr char kShowLimits[] = "ulimit -Sv; ulimit -St; ulimit -Sf";

TEST_F(ExecLimits, ThoseOfTheTaskHoldForItsProcesses) {
  v1::ExecPayload payload = Script(kShowLimits);
  payload.mutable_limits()->set_memory_bytes(512 << 20);
  payload.mutable_limits()->mutable_cpu_time()->set_nanos(1);  // seconds are all there is
  payload.mutable_limits()->set_file_bytes(1 << 20);
  EXPECT_EQ(Limits(payload), "524288\n1\n2048\n");  // in KiB, seconds, and half KiB
}

TEST_F(ExecLimits, WithoutAnyItHasThoseOfTheWorker) {
  const Outcome here = Run(Argv({"true"}));
  ASSERT_TRUE(here.status.ok()) << here.status;
  EXPECT_EQ(Limits(Script(kShowLimits)), "unlimited\nunlimited\nunlimited\n");
}

TEST_F(ExecLimits, OfTheTasksAndTheWorkersTheSmallerCounts) {
  options_.limits = {.memory_bytes = 256 << 20, .cpu_seconds = 10, .file_bytes = 4 << 20};
  v1::ExecPayload payload = Script(kShowLimits);
  EXPECT_EQ(Limits(payload), "262144\n10\n8192\n");
  payload.mutable_limits()->set_memory_bytes(512 << 20);
  payload.mutable_limits()->mutable_cpu_time()->set_seconds(2);
  EXPECT_EQ(Limits(payload), "262144\n2\n8192\n");
}

TEST_F(ExecLimits, TheyDoNotHoldForTheNextCommand) {
  const Handler handler = ExecHandler(options_);
  v1::ExecPayload limited = Script(kShowLimits);
  limited.mutable_limits()->set_file_bytes(512);
  FakeContext context;
  v1::ExecResult result;
  ASSERT_TRUE(result.ParseFromString(*handler(Task(limited.SerializeAsString()), context)));
  EXPECT_EQ(result.stdout_data(), "unlimited\nunlimited\n1\n");
  const std::string next = Script(kShowLimits).SerializeAsString();
  ASSERT_TRUE(result.ParseFromString(*handler(Task(next), context)));
  EXPECT_EQ(result.stdout_data(), "unlimited\nunlimited\nunlimited\n");
}

TEST_F(ExecLimits, TooMuchProcessorTimeSaysWhichLimitItWas) {
  v1::ExecPayload payload = Script("while :; do :; done");
  payload.mutable_limits()->mutable_cpu_time()->set_seconds(1);
  const Outcome outcome = Run(payload);
  EXPECT_EQ(outcome.status,
            absl::UnknownError("killed by signal 24 (SIGXCPU) at its limit of 1s of processor time "
                               "(limits.cpu_time, or the worker's --exec-cpu-time)"));
  EXPECT_EQ(outcome.result.signal(), SIGXCPU);
}

TEST_F(ExecLimits, ATooLargeFileSaysWhichLimitItWas) {
  v1::ExecPayload payload = Argv({"dd", "if=/dev/zero", "of=" + dir_.path() + "/f", "bs=1000"});
  payload.mutable_limits()->set_file_bytes(5000);
  const Outcome outcome = Run(payload);
  EXPECT_THAT(std::string(outcome.status.message()),
              StartsWith("killed by signal 25 (SIGXFSZ) at its limit of 5000 bytes for a file "
                         "(limits.file_bytes, or the worker's --exec-file-size)"));
  EXPECT_EQ(std::filesystem::file_size(dir_.path() + "/f"), 5000);
}

TEST_F(ExecLimits, TooMuchMemoryIsRefused) {
  const auto outcome = [this](int64_t bytes) {
    v1::ExecPayload payload = Argv({"dd", "if=/dev/zero", "of=/dev/null", "bs=64M", "count=1"});
    payload.mutable_limits()->set_memory_bytes(bytes);
    return Run(payload);
  };
  EXPECT_TRUE(outcome(256 << 20).status.ok());
  EXPECT_THAT(std::string(outcome(32 << 20).status.message()),
              AllOf(StartsWith("exit code 1: "), HasSubstr("memory")));
}

// --- A directory of its own --------------------------------------------------------------------

class ExecDirectory : public ExecFixture {
 protected:
  ExecDirectory() { options_.directory = dir_.path(); }

  v1::ExecPayload Fresh(const std::string& script) const {
    v1::ExecPayload payload = Script(script);
    payload.set_fresh_directory(true);
    return payload;
  }
  bool NothingIsLeft() const { return std::filesystem::is_empty(dir_.path()); }
};

TEST_F(ExecDirectory, ItRunsInAnEmptyOneThatIsGoneAfterwards) {
  const Outcome outcome = Run(Fresh(
      "pwd; echo $TAREA_TASK_DIR; ls -A | wc -l; mkdir -p a/b; touch a/b/c; chmod 0 a/b; ls -A"));
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  const std::vector<std::string> lines = absl::StrSplit(outcome.result.stdout_data(), '\n');
  EXPECT_THAT(lines, ElementsAre(StartsWith(dir_.path() + "/tarea-exec-"), lines[0], "0", "a", ""));
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(ExecDirectory, ItIsRemovedWhileTheWorkerGoesOn) {
  const Handler handler = ExecHandler(options_);
  FakeContext context;
  v1::ExecResult result;
  const std::string payload = Fresh("touch file; pwd").SerializeAsString();
  ASSERT_TRUE(result.ParseFromString(*handler(Task(payload), context)));
  const std::string path(absl::StripAsciiWhitespace(result.stdout_data()));
  EXPECT_FALSE(std::filesystem::exists(path)) << path;
  EXPECT_TRUE(std::filesystem::exists(std::filesystem::path(path).parent_path()));
}

TEST_F(ExecDirectory, ItIsGoneHoweverTheCommandEnds) {
  Run(Fresh("touch file; exit 3"));
  Run(Fresh("touch file; kill -9 $$"));
  v1::ExecPayload payload = Argv({"/no/such"});
  payload.set_fresh_directory(true);
  EXPECT_EQ(Run(payload).status.code(), StatusCode::kNotFound);
  FakeContext context;
  std::thread stopper([&] {
    WaitForLine("ready");
    context.Stop(StopCause::kCancelled);
  });
  Run(Fresh("touch file; echo > $DIR/ready; sleep 1000"), context);
  stopper.join();
  std::filesystem::remove(dir_.path() + "/ready");
  EXPECT_TRUE(NothingIsLeft());
}

TEST_F(ExecDirectory, WhereNoneCanBeMadeTheErrorSaysWhere) {
  options_.directory = dir_.path() + "/no";
  EXPECT_EQ(Run(Fresh("true")).status,
            absl::NotFoundError(absl::StrCat("cannot make a directory for the task in '",
                                             options_.directory,
                                             "' (worker --exec-dir): No such file or directory")));
}

TEST_F(ExecDirectory, ATaskThatAsksForNoneHasNone) {
  EXPECT_EQ(Run(Script("echo $TAREA_TASK_DIR")).result.stdout_data(), "\n");
  EXPECT_TRUE(NothingIsLeft());
}

// --- Progress, and the client within a task ----------------------------------------------------

TEST_F(ExecFixture, LinesOnDescriptor3AreProgress) {
  FakeContext context;
  const Outcome outcome = Run(Script("echo 0.25 a quarter >&3; echo x;"
                                     "echo '100%' >&$TAREA_PROGRESS_FD; echo wrong >&3"),
                              context);
  ASSERT_TRUE(outcome.status.ok()) << outcome.status;
  EXPECT_EQ(context.progress().back().fraction(), 1);
  EXPECT_THAT(context.logs(), ElementsAre(HasSubstr("'wrong' is not a progress")));
  EXPECT_EQ(outcome.result.stdout_data(), "x\n");
}

TEST_F(ExecFixture, ProgressArrivesWhileTheCommandRuns) {
  FakeContext context;
  std::thread stopper([&] {
    while (context.progress().empty()) std::this_thread::yield();
    context.Stop(StopCause::kCancelled);
  });
  const Outcome outcome = Run(Script("echo 50% >&3; sleep 1000"), context);
  stopper.join();
  EXPECT_EQ(outcome.status.code(), StatusCode::kCancelled);
}

TEST_F(ExecFixture, ACommandThatClosesItsProgressRunsOn) {
  EXPECT_EQ(Run(Script("exec 3>&-; echo fine")).result.stdout_data(), "fine\n");
}

TEST_F(ExecFixture, AClientInATaskTalksToTheMasterOfTheWorkerUnlessTheTaskSaysOtherwise) {
  ASSERT_EQ(setenv("TAREA_MASTER", "of-the-environment:1", 1), 0);  // NOLINT(concurrency-mt-unsafe)
  v1::ExecPayload payload = Script("echo $TAREA_MASTER");
  EXPECT_EQ(Run(payload).result.stdout_data(), "\n");
  options_.master = "one:1,two:2";
  EXPECT_EQ(Run(payload).result.stdout_data(), "one:1,two:2\n");
  (*payload.mutable_env())["TAREA_MASTER"] = "three:3";
  EXPECT_EQ(Run(payload).result.stdout_data(), "three:3\n");
  unsetenv("TAREA_MASTER");  // NOLINT(concurrency-mt-unsafe)
}

// --- All at once -------------------------------------------------------------------------------

// Most memory that this process has had so far, in bytes.
int64_t PeakMemory() {
  const std::string status = ReadFile("/proc/self/status");
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    int64_t kib = 0;
    if (absl::ConsumePrefix(&line, "VmHWM:") && absl::ConsumeSuffix(&line, "kB") &&
        absl::SimpleAtoi(line, &kib)) {
      return kib << 10;
    }
  }
  ADD_FAILURE() << "no VmHWM";
  return 0;
}

// AddressSanitizer keeps what was freed.
#ifdef ABSL_HAVE_ADDRESS_SANITIZER
constexpr int64_t kMostGrowth = std::numeric_limits<int64_t>::max();
#else
constexpr int64_t kMostGrowth = 16 << 20;
#endif

// Ignores SIGTERM, in sessions of its own as in that of the command, floods both outputs and the
// progress, and leaves a directory full of files.
constexpr char kHostile[] = R"(
  trap '' TERM
  flood() { head -c 200M /dev/zero; head -c 200M /dev/zero >&2; head -c 50M /dev/zero >&3; }
  setsid sh -c "trap '' TERM; while :; do sleep 0.1; echo noise; done" &
  (setsid sh -c "trap '' TERM; yes 50% >&3 & yes noise >&2 & wait" &)
  touch left behind
  flood
  echo > $DIR/ready
  while :; do flood; done
)";

TEST_F(ExecFixture, AHostileTaskLeavesNoProcessAndNoMoreThanItsCapsInMemory) {
  options_.kill_after = absl::Milliseconds(50);
  options_.max_output = 1 << 20;
  options_.directory = dir_.path() + "/fresh";
  std::filesystem::create_directory(options_.directory);
  Run(Argv({"true"}));  // what the first command costs is not the flood's
  const int64_t before = PeakMemory();
  v1::ExecPayload payload = Script(kHostile);
  payload.set_fresh_directory(true);
  MonotonicClock clock;
  HeldTask held(Task(payload.SerializeAsString()), &clock, /*log_each=*/true);
  std::thread stopper([&] {
    WaitForLine("ready");
    held.Stop(StopCause::kCancelled);
  });
  const v1::TaskResult result = held.MakeResult(ExecHandler(options_)(held.task(), held));
  stopper.join();
  EXPECT_EQ(result.outcome(), v1::RESULT_OUTCOME_CANCELLED);
  EXPECT_EQ(held.progress()->fraction(), 0.5);
  v1::ExecResult output;
  ASSERT_TRUE(output.ParseFromString(result.result()));
  EXPECT_EQ(output.signal(), SIGKILL);
  EXPECT_EQ(output.stdout_data().size(), options_.max_output);
  EXPECT_EQ(output.stderr_data().size(), options_.max_output);
  EXPECT_EQ(Alive(), 0);
  EXPECT_TRUE(std::filesystem::is_empty(options_.directory));
  // Of more than 450 MB: two outputs of 1 MiB, in the copies that a result is made and read with,
  // and what the allocator takes for that.
  EXPECT_LT(PeakMemory() - before, kMostGrowth);
}

}  // namespace
}  // namespace tarea
