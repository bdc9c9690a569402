#include "worker/exec_flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

using absl::StatusCode;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Optional;

using Options = absl::StatusOr<std::optional<ExecOptions>>;

// What a command line says.
Options Parse(std::vector<std::string> words, std::vector<std::string> masters = {"127.0.0.1:1"}) {
  CLI::App app;
  ExecFlags flags;
  AddExecFlags(app, flags);
  std::reverse(words.begin(), words.end());  // as CLI11 takes them
  app.parse(words);
  return MakeExecOptions(flags, masters);
}

std::string Error(std::vector<std::string> words,
                  std::vector<std::string> masters = {"127.0.0.1:1"}) {
  return std::string(Parse(std::move(words), std::move(masters)).status().message());
}

TEST(ExecFlags, WithoutThemNoCommandIsRun) {
  EXPECT_FALSE(Parse({})->has_value());
  EXPECT_FALSE(Parse({"--exec=false"})->has_value());
  EXPECT_FALSE(Parse({"--exec-env", "A"})->has_value());
  EXPECT_THAT(Error({"--exec=false", "--exec-shell"}), HasSubstr("does not go"));
}

TEST(ExecFlags, AloneItAllowsAnyProgramButShells) {
  for (const char* word : {"--exec", "--exec=true", "--exec=1"}) {
    const Options options = Parse({word, "--exec-env", "A,B"});
    ASSERT_TRUE(options.ok() && options->has_value()) << word << options.status();
    EXPECT_FALSE((*options)->policy.programs.has_value()) << word;
    EXPECT_FALSE((*options)->policy.shells);
    EXPECT_THAT((*options)->policy.environment, ElementsAre("A", "B"));
  }
  EXPECT_TRUE((*Parse({"--exec-shell"}))->policy.shells);
  EXPECT_TRUE((*Parse({"--exec", "--exec-shell"}))->policy.shells);
}

TEST(ExecFlags, WithPathsItAllowsThese) {
  EXPECT_THAT((*Parse({"--exec=/bin/true,/bin/sh"}))->policy.programs,
              Optional(ElementsAre("/bin/true", "/bin/sh")));
  for (const char* wrong :
       {"true,/bin/sh", "convert", "0rue", "./true", ",", "/bin/true,", "/bin/true,,/bin/sh"}) {
    EXPECT_THAT(Error({absl::StrCat("--exec=", wrong)}), HasSubstr("absolute path")) << wrong;
  }
  EXPECT_THAT(Error({"--exec=/bin/sh", "--exec-shell"}),
              AllOf(HasSubstr("--exec-shell does not go with --exec=/bin/sh")));
}

// A variable that is not set must not allow all programs.
TEST(ExecFlags, AnEmptyListIsRefused) {
  const char* const words[] = {"worker", "--exec="};
  EXPECT_THAT(std::string(CheckExecWords(2, words).message()), HasSubstr("has no value"));
  EXPECT_TRUE(CheckExecWords(1, words).ok());
  ExecFlags flags;
  flags.exec = "";  // as in a file
  EXPECT_THAT(std::string(MakeExecOptions(flags, {}).status().message()), HasSubstr("empty value"));
}

TEST(ExecFlags, TwoListsAreRefused) {
  EXPECT_THROW(
      {
        auto ignored = Parse({"--exec=/bin/true", "--exec=/bin/sh"});
      },
      CLI::ArgumentMismatch);
}

TEST(ExecFlags, NothingRunsAsRootForAMasterElsewhereUnlessToldTo) {
  if (geteuid() != 0) GTEST_SKIP() << "it is not root";
  const std::vector<std::string> far = {"127.0.0.1:1", "master.example:50051"};
  EXPECT_THAT(Error({"--exec"}, far),
              AllOf(HasSubstr("master.example:50051"), HasSubstr("--exec-user")));
  EXPECT_EQ(Error({}, far), "");
  EXPECT_EQ(Error({"--exec", "--exec-user", "root"}, far), "");
  EXPECT_EQ(Error({"--exec"}, {"unix:/run/tarea.sock", "[::1]:1"}), "");
  const Options options = Parse({"--exec", "--exec-user", "nobody"}, far);
  ASSERT_TRUE(options.ok()) << options.status();
  EXPECT_EQ((*options)->user->name, "nobody");
}

TEST(ExecFlags, AUserThatIsNotThereIsAnError) {
  const Options options = Parse({"--exec", "--exec-user", "no-such-user"});
  EXPECT_EQ(options.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(std::string(options.status().message()),
              AllOf(HasSubstr("--exec-user"), HasSubstr("'no-such-user'")));
}

}  // namespace
}  // namespace tarea
