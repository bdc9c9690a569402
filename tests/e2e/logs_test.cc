// client logs with real binaries: what a command writes while it runs.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "absl/base/config.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

using testing::HasSubstr;

#ifdef ABSL_HAVE_ADDRESS_SANITIZER  // keeps what was freed for a while
constexpr int64_t kMostGrowthMiB = std::numeric_limits<int64_t>::max();
#else
constexpr int64_t kMostGrowthMiB = 25;
#endif

class LogsProcess : public testing::Test {
 protected:
  void SetUp() override { cluster_.StartMaster(); }

  int64_t SubmitScript(const std::string& script) {
    return SubmitTask(cluster_.client(), ShellTask(script, cluster_.path()));
  }
  Process StartFollowing(int64_t id) const {
    return Process(BinPath("client"),
                   {"--master", cluster_.address(), "logs", absl::StrCat(id), "--follow"});
  }
  void Allow(const std::string& name) const { WriteFile(cluster_.path() + "/" + name, ""); }

  Cluster cluster_;
};

// The most memory that a process ever had, in MiB.
int64_t PeakMiB(const Process& process) {
  const std::string status = ReadFile(absl::StrCat("/proc/", process.pid(), "/status"));
  for (absl::string_view line : absl::StrSplit(status, '\n')) {
    int64_t kib = 0;
    if (absl::ConsumePrefix(&line, "VmHWM:") && absl::ConsumeSuffix(&line, "kB") &&
        absl::SimpleAtoi(absl::StripAsciiWhitespace(line), &kib)) {
      return kib >> 10;
    }
  }
  ADD_FAILURE() << "no VmHWM of process " << process.pid();
  return 0;
}

TEST_F(LogsProcess, ALineIsThereWhileItsTaskStillRuns) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  const int64_t id = SubmitScript("echo one; while [ ! -e go ]; do sleep 0.02; done; echo two");
  Process client = StartFollowing(id);
  EXPECT_TRUE(WaitFor([&] { return client.Output() == "one\n"; })) << client.Log();
  EXPECT_EQ(GetTask(cluster_.client(), id).state(), v1::TASK_STATE_RUNNING);
  const CommandResult now = cluster_.RunClient({"logs", absl::StrCat(id)});
  EXPECT_EQ(now.out, "one\n");
  EXPECT_EQ(now.end, ProcessEnd{});
  Allow("go");
  EXPECT_EQ(client.Wait(), ProcessEnd{}) << client.Log();
  EXPECT_EQ(client.Output(), "one\ntwo\n");
}

TEST_F(LogsProcess, EachLineComesOnceAlthoughTheMasterIsKilledBetweenThem) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  const int64_t id = SubmitScript(
      "for i in 1 2 3 4 5 6; do echo line $i; echo $i >at; mv at at$i;"
      " while [ ! -e go$i ]; do sleep 0.02; done; done");
  Process client = StartFollowing(id);
  Allow("go1");
  EXPECT_TRUE(WaitFor([&] { return client.Output() == "line 1\nline 2\n"; })) << client.Log();
  EXPECT_EQ(cluster_.KillMaster(SIGKILL), ProcessEnd{.signal = SIGKILL});
  Allow("go2");
  Allow("go3");
  EXPECT_EQ(AwaitLine(cluster_.path() + "/at4"), "4") << "written while there is no master";
  cluster_.StartMaster();
  EXPECT_TRUE(WaitFor([&] { return client.Output() == "line 1\nline 2\nline 3\nline 4\n"; }))
      << client.Output() << client.Log();
  for (const char* name : {"go4", "go5", "go6"}) Allow(name);
  EXPECT_EQ(client.Wait(), ProcessEnd{}) << client.Log();
  EXPECT_EQ(client.Output(), "line 1\nline 2\nline 3\nline 4\nline 5\nline 6\n");
  EXPECT_EQ(GetTask(cluster_.client(), id).attempt(), 1);
}

TEST_F(LogsProcess, AFloodStaysBoundedAndItsEndIsSeen) {
  Process& worker = cluster_.StartWorker("w1", {"--exec-shell", "--slots", "1"});
  AwaitState(cluster_.client(), SubmitScript("true"), v1::TASK_STATE_SUCCEEDED);
  const int64_t worker_before = PeakMiB(worker);
  const int64_t master_before = PeakMiB(cluster_.master());
  const int64_t id =
      SubmitScript("yes | head -c 50000000; echo the end; while [ ! -e go ]; do sleep 0.02; done");
  Process client = StartFollowing(id);
  EXPECT_TRUE(WaitFor([&] { return absl::EndsWith(client.Output(), "y\nthe end\n"); }))
      << client.Log();
  EXPECT_LT(PeakMiB(worker) - worker_before, kMostGrowthMiB);
  EXPECT_LT(PeakMiB(cluster_.master()) - master_before, kMostGrowthMiB);
  Allow("go");
  EXPECT_EQ(client.Wait(), ProcessEnd{}) << client.Log();
  EXPECT_TRUE(absl::EndsWith(client.Output(), "y\nthe end\n"));
}

TEST_F(LogsProcess, CtrlCEndsFollowingAndLeavesTheTaskAlone) {
  cluster_.StartWorker("w1", {"--exec-shell"});
  const int64_t id = SubmitScript("echo one; while [ ! -e go ]; do sleep 0.02; done");
  Process client = StartFollowing(id);
  EXPECT_TRUE(WaitFor([&] { return client.Output() == "one\n"; })) << client.Log();
  client.Kill(SIGINT);
  EXPECT_EQ(client.Wait(), ProcessEnd{.code = 130});
  EXPECT_THAT(client.Log(), HasSubstr(absl::StrCat("client logs ", id, " --follow")));
  EXPECT_EQ(GetTask(cluster_.client(), id).state(), v1::TASK_STATE_RUNNING);
  Allow("go");
  AwaitState(cluster_.client(), id, v1::TASK_STATE_SUCCEEDED);
}

}  // namespace
}  // namespace tarea
