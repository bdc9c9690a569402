// Damage to the data of a master, its backups and how they are restored, with the real binaries.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

constexpr ProcessEnd kOk{.code = 0};
constexpr ProcessEnd kFailed{.code = 1};
constexpr char kPayload[] = "a payload that is easy to find";

CommandResult RunMasterCommand(const std::vector<std::string>& arguments) {
  Process master(BinPath("master"), arguments);
  const std::optional<ProcessEnd> end = master.Wait();
  EXPECT_TRUE(end.has_value()) << master.Log();
  return {end.value_or(ProcessEnd{}), master.Output(), master.Log()};
}

class DamageProcess : public testing::Test {
 protected:
  DamageProcess() { cluster_.StartMaster(); }

  int64_t Submit(const std::string& payload) {
    return SubmitTask(cluster_.client(), EchoTask(payload));
  }

  // Flips a bit of a file of the master's data where the payload is.
  void Flip(const std::string& name) {
    const std::string path = cluster_.data_dir() + "/" + name;
    std::string bytes = ReadFile(path);
    const size_t at = bytes.find(kPayload);
    ASSERT_NE(at, std::string::npos);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file.put(static_cast<char>(bytes[at] ^ 1));
  }

  std::string backup() const { return cluster_.path() + "/backup.db"; }

  Cluster cluster_;
};

TEST_F(DamageProcess, WhatIsBackedUpWhileTheMasterRunsIsThereAfterTheDataWasLost) {
  const int64_t id = Submit(kPayload);
  const CommandResult made =
      RunMasterCommand({"backup", "--data-dir", cluster_.data_dir(), "--to", backup()});
  EXPECT_EQ(made.end, kOk) << made.err;
  EXPECT_THAT(made.out, StartsWith(backup() + ": 1 batches, "));
  const CommandResult check = RunMasterCommand({"check", "--file", backup()});
  EXPECT_EQ(check.end, kOk) << check.out;
  EXPECT_THAT(check.out,
              AllOf(HasSubstr("content: 1 batches, 1 tasks"), HasSubstr("All is sound")));

  cluster_.KillMaster(SIGKILL);
  std::filesystem::remove_all(cluster_.data_dir());
  std::filesystem::create_directory(cluster_.data_dir());
  std::filesystem::copy_file(backup(), cluster_.data_dir() + "/tarea.db");
  cluster_.StartMaster();
  const auto task = cluster_.client().Get(id);
  ASSERT_TRUE(task.ok()) << task.status();
  EXPECT_EQ(task->spec().payload(), kPayload);
}

TEST_F(DamageProcess, ALogWithAFlippedBitIsRefusedAtTheStartAndFoundByACheck) {
  Submit(kPayload);
  Submit("and one more");
  cluster_.KillMaster(SIGKILL);
  Flip("tarea.db-wal");
  const std::string log = ReadFile(cluster_.data_dir() + "/tarea.db-wal");
  const CommandResult start =
      RunMasterCommand({"--listen", "127.0.0.1:0", "--data-dir", cluster_.data_dir()});
  EXPECT_EQ(start.end, kFailed);
  EXPECT_THAT(start.err, AllOf(HasSubstr(cluster_.data_dir() + "/tarea.db-wal is damaged"),
                               HasSubstr("restore it from a backup"), HasSubstr("--data-dir")));
  const CommandResult check = RunMasterCommand({"check", "--data-dir", cluster_.data_dir()});
  EXPECT_EQ(check.end, kFailed);
  EXPECT_THAT(check.out, AllOf(HasSubstr("DAMAGED: "), HasSubstr("tarea.db-wal")));
  const CommandResult made =
      RunMasterCommand({"backup", "--data-dir", cluster_.data_dir(), "--to", backup()});
  EXPECT_EQ(made.end, kFailed);
  EXPECT_THAT(made.err, HasSubstr("tarea.db-wal is damaged"));
  EXPECT_FALSE(std::filesystem::exists(backup()));
  EXPECT_EQ(ReadFile(cluster_.data_dir() + "/tarea.db-wal"), log);
}

TEST_F(DamageProcess, AReadOfADamagedPageIsDataLossAndTheMasterGoesOn) {
  const int64_t lost = Submit(absl::StrCat(std::string(20'000, 'x'), kPayload));
  const int64_t other = Submit("fine");
  cluster_.KillMaster(SIGTERM);
  Flip("tarea.db");
  cluster_.StartMaster();
  const absl::Status status = cluster_.client().Get(lost).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("page "), HasSubstr(cluster_.data_dir() + "/tarea.db")));
  EXPECT_TRUE(cluster_.master().AwaitLog("its checksum is wrong"));
  EXPECT_TRUE(cluster_.client().Get(other).ok());
  EXPECT_GT(Submit("more"), other);
}

TEST_F(DamageProcess, ACheckBesideARunningMasterSaysWhatToDo) {
  const CommandResult check = RunMasterCommand({"check", "--data-dir", cluster_.data_dir()});
  EXPECT_EQ(check.end, kFailed);
  EXPECT_THAT(check.err, AllOf(HasSubstr("a master runs on"), HasSubstr("backup")));
}

TEST_F(DamageProcess, ABackupNeedsAFileToMake) {
  const CommandResult made = RunMasterCommand({"backup", "--data-dir", cluster_.data_dir()});
  EXPECT_EQ(made.end, (ProcessEnd{.code = 2}));
  EXPECT_THAT(made.err, HasSubstr("--to"));
}

}  // namespace
}  // namespace tarea
