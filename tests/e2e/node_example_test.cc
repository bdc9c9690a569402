// A client that is not ours against a real master: what proto/tasks.proto says is all it takes.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <unistd.h>

#include <filesystem>

#include "tests/e2e/cluster.h"

namespace tarea {
namespace {

using testing::HasSubstr;

// Held by one process at a time.
class FileLock {
 public:
  explicit FileLock(const std::string& path)
      : fd_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
    if (fd_ < 0 || flock(fd_, LOCK_EX) != 0) abort();
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() { close(fd_); }

 private:
  const int fd_;
};

// Installs the example's packages in `directory`, unless they are there already.
void InstallPackages(const std::string& example, const std::string& directory) {
  std::filesystem::create_directories(directory);
  const FileLock lock(directory + "/lock");
  const std::string wanted = ReadFile(example + "/package-lock.json");
  ASSERT_NE(wanted, "");
  const std::string done = directory + "/installed";
  if (ReadFile(done) == wanted) return;
  std::filesystem::remove(done);
  for (const char* file : {"package.json", "package-lock.json", ".npmrc"}) {
    WriteFile(directory + "/" + file, ReadFile(example + "/" + file));
  }
  ProcessOptions options;
  options.working_directory = directory;
  Process npm("npm",
              {"ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline",
               "--fetch-retries=1"},
              options);
  const std::optional<ProcessEnd> end = npm.Wait(absl::Minutes(4));
  ASSERT_EQ(end, ProcessEnd{})
      << "cannot install the packages of examples/node in " << directory
      << ". Needed are Node.js with npm (scripts/deps --test) and an npm registry that can be "
         "reached (npm config get registry). npm said:\n"
      << npm.Log() << npm.Output();
  WriteFile(done, wanted);
}

TEST(Examples, StockGrpcClientInNode) {
  const std::string example = TAREA_SOURCE_DIR "/examples/node";
  const std::string directory = TAREA_BINARY_DIR "/node";
  ASSERT_NO_FATAL_FAILURE(InstallPackages(example, directory));
  Cluster cluster;
  cluster.StartMaster();
  ProcessOptions options;
  options.environment["NODE_PATH"] = directory + "/node_modules";
  Process node("node", {example + "/submit_and_work.js", cluster.address()}, options);
  EXPECT_EQ(node.Wait(), ProcessEnd{}) << node.Log();
  EXPECT_THAT(node.Output(), HasSubstr("done: shout returned HELLO"));
}

}  // namespace
}  // namespace tarea
