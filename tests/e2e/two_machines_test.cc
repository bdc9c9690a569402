// README.md, "On several machines": its commands as they stand there, on two machines that share
// nothing but a network.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::HasSubstr;

// The commands of the section: what to run, and on whose machine.
struct Line {
  std::string command;
  std::string machine;  // "the master's machine"
};

std::vector<Line> LinesOfReadme() {
  std::ifstream file(TAREA_SOURCE_DIR "/README.md");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const size_t begin = text.find("## On several machines");
  const std::string section = text.substr(begin, text.find("\n## ", begin + 1) - begin);
  std::vector<Line> lines;
  for (const absl::string_view line : absl::StrSplit(section, '\n')) {
    if (!absl::StartsWith(line, "    ")) continue;
    const std::vector<std::string> parts = absl::StrSplit(line, absl::MaxSplits(" # on ", 1));
    if (parts.size() != 2) continue;
    lines.push_back({std::string(absl::StripAsciiWhitespace(parts[0])), parts[1]});
  }
  return lines;
}

// A machine: a network namespace with a directory, its own /etc/hosts, and a cable to a bridge
// between them. Named after this process, so that tests can run side by side.
class Machine {
 public:
  Machine(const std::string& name, const std::string& address)
      : name_(absl::StrCat("tarea-", getpid(), "-", name)) {
    ok_ = Shell(absl::StrCat("ip netns add ", name_, " && ip -n ", name_, " link set lo up"));
    std::filesystem::create_directories("/etc/netns/" + name_);
    std::ofstream("/etc/netns/" + name_ + "/hosts")
        << "127.0.0.1 localhost\n10.199.0.1 tasks.example.com\n";
    address_ = address;
  }
  ~Machine() {
    Shell("ip netns delete " + name_);
    std::filesystem::remove_all("/etc/netns/" + name_);
  }
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  bool ok() const { return ok_; }
  std::string directory() const { return dir_.path(); }

  // A cable from this one to another.
  bool Connect(const Machine& other) {
    return Shell(absl::StrCat("ip link add e0 netns ", name_, " type veth peer name e0 netns ",
                              other.name_)) &&
           SetUp() && other.SetUp();
  }

  // Starts a command line as it would be typed there.
  std::unique_ptr<Process> Start(const std::string& command) const {
    return std::make_unique<Process>(
        "ip",
        std::vector<std::string>{"netns", "exec", name_, "sh", "-c",
                                 absl::StrCat("PATH=", BinDirectory(), ":$PATH; exec ", command)},
        ProcessOptions{.environment = {{"HOME", dir_.path()}}, .working_directory = dir_.path()});
  }

 private:
  static std::string BinDirectory() {
    return std::filesystem::path(BinPath("master")).parent_path().string();
  }
  static bool Shell(const std::string& command) {
    Process process("sh", {"-c", command});
    return process.Wait() == ProcessEnd{};
  }
  bool SetUp() const {
    return Shell(absl::StrCat("ip -n ", name_, " address add ", address_, "/24 dev e0 && ip -n ",
                              name_, " link set e0 up"));
  }

  const std::string name_;
  std::string address_;
  bool ok_ = false;
  const TempDir dir_;
};

TEST(TwoMachines, ThreeCommandsOfTheReadmeMakeThemKnowEachOther) {
  Machine masters("master", "10.199.0.1");
  Machine workers("worker", "10.199.0.2");
  if (geteuid() != 0 || !masters.ok() || !workers.ok() || !masters.Connect(workers)) {
    GTEST_SKIP() << "network namespaces need root and iproute2";
  }
  const std::vector<Line> lines = LinesOfReadme();
  ASSERT_EQ(lines.size(), 3);
  EXPECT_EQ(lines[0].machine, "the master's machine");
  EXPECT_EQ(lines[1].machine, "the master's machine");
  EXPECT_EQ(lines[2].machine, "the worker's machine");

  const auto pki = masters.Start(lines[0].command);
  ASSERT_EQ(pki->Wait(), ProcessEnd{}) << pki->Log();
  const auto master = masters.Start(lines[1].command);
  ASSERT_TRUE(master->AwaitLog("listening on 0.0.0.0:50051")) << master->Log();
  std::filesystem::create_directory(workers.directory() + "/pki");
  for (const char* file : {"/pki/ca.crt", "/pki/worker.crt", "/pki/worker.key"}) {
    std::filesystem::copy(masters.directory() + file, workers.directory() + file);
  }
  const auto worker = workers.Start(lines[2].command);
  ASSERT_TRUE(worker->AwaitLog("connected to the master at tasks.example.com:50051"))
      << worker->Log();

  const auto client = masters.Start("client --master tasks.example.com:50051 --tls-dir pki");
  EXPECT_EQ(client->Wait(), ProcessEnd{}) << client->Log();
  EXPECT_THAT(client->Output(), HasSubstr("10 tasks: 10 succeeded"));

  // Who has nothing gets nothing.
  const auto stranger =
      workers.Start("client --master tasks.example.com:50051 --connect-timeout 1s stats");
  EXPECT_EQ(stranger->Wait(), ProcessEnd{.code = 3}) << stranger->Output();
}

}  // namespace
}  // namespace tarea
