#include "worker/handlers/task_directories.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

namespace fs = std::filesystem;

class TaskDirectoriesTest : public testing::Test {
 protected:
  int Count() const {
    const auto entries = fs::directory_iterator(dir_.path());
    return static_cast<int>(std::distance(begin(entries), end(entries)));
  }

  const TempDir dir_;
};

TEST_F(TaskDirectoriesTest, EachIsNewAndClosedToOthersAndAllGoWithTheObject) {
  {
    TaskDirectories directories(dir_.path());
    EXPECT_EQ(Count(), 0);
    const std::string one = *directories.Make(17);
    const std::string two = *directories.Make(17);
    EXPECT_NE(one, two);
    EXPECT_TRUE(fs::is_empty(one));
    EXPECT_EQ(fs::status(one).permissions(), fs::perms::owner_all);
    std::ofstream(one + "/file") << "x";
  }
  EXPECT_EQ(Count(), 0);
}

TEST_F(TaskDirectoriesTest, WhatADeadWorkerLeftIsRemovedAndWhatALivingOneHasIsNot) {
  int ready[2];
  ASSERT_EQ(pipe(ready), 0);
  const pid_t worker = fork();
  if (worker == 0) {
    TaskDirectories directories(dir_.path());
    std::ofstream(*directories.Make(1) + "/file") << "x";
    EXPECT_EQ(write(ready[1], "x", 1), 1);
    pause();
  }
  char byte = 0;
  ASSERT_EQ(read(ready[0], &byte, 1), 1);
  close(ready[0]);
  close(ready[1]);
  fs::create_directory(dir_.path() + "/other");
  { const TaskDirectories directories(dir_.path()); }
  EXPECT_EQ(Count(), 2);
  ASSERT_EQ(kill(worker, SIGKILL), 0);
  ASSERT_EQ(waitpid(worker, nullptr, 0), worker);
  { const TaskDirectories directories(dir_.path()); }
  EXPECT_EQ(Count(), 1);
  EXPECT_TRUE(fs::exists(dir_.path() + "/other"));
}

TEST_F(TaskDirectoriesTest, ALinkWithSuchANameIsNotFollowed) {
  fs::create_directory(dir_.path() + "/other");
  std::ofstream(dir_.path() + "/other/file") << "x";
  fs::create_directory_symlink(dir_.path() + "/other", dir_.path() + "/tarea-exec-1-AAAAAA");
  { const TaskDirectories directories(dir_.path()); }
  EXPECT_TRUE(fs::exists(dir_.path() + "/other/file"));
}

}  // namespace
}  // namespace tarea
