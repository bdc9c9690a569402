#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/docs_page.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

// Runs what README.md and docs/ show, as it is written there, each page by itself on a master of
// its own, and compares what is printed. With TAREA_UPDATE_DOCS=1 in the environment it writes what
// was printed into the pages instead.
namespace tarea {
namespace {

namespace fs = std::filesystem;

// What pages call the places that are elsewhere here.
constexpr char kHomeOfPages[] = "/home/you";
constexpr char kPortOfPages[] = ":50051";
constexpr char kHostOfPages[] = " vm ";

std::vector<std::string> LinesOf(absl::string_view text) {
  absl::ConsumeSuffix(&text, "\n");
  if (text.empty()) return {};
  return absl::StrSplit(text, '\n');
}

// Sets up what a reader has who is in a checkout that was built, with the binaries in PATH too.
class Reader {
 public:
  Reader() {
    fs::create_directories(path("home"));
    fs::create_directories(path("bin"));
    fs::create_directories(path("checkout/build"));
    for (const fs::directory_entry& entry : fs::directory_iterator(TAREA_SOURCE_DIR)) {
      const std::string name = entry.path().filename();
      if (absl::StartsWith(name, "build") || absl::StartsWith(name, ".")) continue;
      fs::create_symlink(entry.path(), path("checkout/" + name));
    }
    fs::create_directory_symlink(fs::path(BinPath("client")).parent_path(),
                                 path("checkout/build/bin"));
    for (const char* name : {"client", "worker", "master"}) {
      fs::create_symlink(BinPath(name), path(absl::StrCat("bin/", name)));
    }
  }

  // Runs one command. Masters and workers are left running.
  void Run(const DocCommand& command, std::vector<std::string>& printed);

  // Every line that what was left running has logged.
  std::vector<std::string> Logged() const;

 private:
  std::string path(absl::string_view name) const { return absl::StrCat(dir_.path(), "/", name); }
  ProcessOptions Options() const;
  std::string ForHere(absl::string_view command) const;
  std::string ForPages(absl::string_view text) const;
  void StartDefault();
  std::string Start(const std::string& command, const std::vector<std::string>& said);

  TempDir dir_;
  std::string port_;  // of the master that runs, once there is one
  std::vector<std::unique_ptr<Process>> running_;
};

// The first word of a command, without its directory.
std::string ProgramOf(absl::string_view command) {
  const std::vector<absl::string_view> words = absl::StrSplit(command, ' ');
  return fs::path(std::string(words[0])).filename();
}

bool GoesOn(absl::string_view command) {
  const std::string program = ProgramOf(command);
  if (program != "master" && !absl::EndsWith(program, "worker")) return false;
  static const auto* const kEnds = new std::regex(
      R"(--(help|version|print-config|completion)|^\S*master (backup|check|pki|token))");
  return !std::regex_search(std::string(command), *kEnds);
}

ProcessOptions Reader::Options() const {
  ProcessOptions options;
  options.environment = {
      {"HOME", path("home")},
      {"PATH", absl::StrCat(path("bin"), ":", getenv("PATH"))},  // NOLINT(concurrency-mt-unsafe)
      {"TZ", "UTC"},
      {"TAREA_LISTEN", "127.0.0.1:0"},
      {"TAREA_PORT_FILE", path("port")},
      {"XDG_CONFIG_HOME", path("home/.config")},
      {"XDG_STATE_HOME", path("home/.local/state")},
      {"NO_COLOR", "1"},
  };
  if (!port_.empty()) options.environment["TAREA_MASTER"] = absl::StrCat("127.0.0.1", port_);
  options.working_directory = path("checkout");
  return options;
}

std::string Reader::ForHere(absl::string_view command) const {
  return absl::StrReplaceAll(command, {{kPortOfPages, port_.empty() ? ":0" : port_}});
}

std::string Reader::ForPages(absl::string_view text) const {
  char host[256] = {};
  gethostname(host, sizeof(host) - 1);
  std::vector<std::pair<std::string, std::string>> changes = {
      {path("home"), kHomeOfPages}, {absl::StrCat(" ", host, " "), kHostOfPages}};
  if (!port_.empty()) changes.emplace_back(port_, kPortOfPages);
  return absl::StrReplaceAll(text, changes);
}

// Starts a program that goes on, and waits until it has said what the page says. Answers what it
// said.
std::string Reader::Start(const std::string& command, const std::vector<std::string>& said) {
  const bool is_master = ProgramOf(command) == "master";
  if (is_master) {
    fs::remove(path("port"));
    port_.clear();
  }
  running_.push_back(std::make_unique<Process>(
      "sh", std::vector<std::string>{"-c", absl::StrCat("exec ", ForHere(command))}, Options()));
  Process& process = *running_.back();
  if (is_master) {
    EXPECT_TRUE(WaitFor([&] { return fs::exists(path("port")); })) << process.Log();
    port_ = absl::StrCat(":", absl::StripAsciiWhitespace(ReadFile(path("port"))));
  }
  WaitFor([&] { return SameOutput(said, LinesOf(ForPages(process.Log()))); }, absl::Seconds(10));
  return ForPages(process.Log());
}

// What pages take for granted that do not start anything themselves.
void Reader::StartDefault() {
  Start("master", {"..."});
  for (const char* worker :
       {"worker --name w1 --slots 2 --exec-shell", "worker --name w2 --exec-shell"}) {
    Start(worker, {"..."});
    EXPECT_TRUE(running_.back()->AwaitLog("connected to")) << running_.back()->Log();
  }
}

void Reader::Run(const DocCommand& command, std::vector<std::string>& printed) {
  if (ProgramOf(command.command) != "master" && running_.empty()) StartDefault();
  if (GoesOn(command.command)) {
    printed = LinesOf(Start(command.command, command.output));
    return;
  }
  Process process("sh", {"-c", absl::StrCat("exec 2>&1\n", ForHere(command.command))}, Options());
  const std::optional<ProcessEnd> end = process.Wait();
  printed = LinesOf(ForPages(process.Output()));
  ASSERT_TRUE(end.has_value()) << "did not end; printed:\n" << process.Output();
  EXPECT_EQ(*end, (ProcessEnd{.code = command.exit_code})) << "printed:\n"
                                                           << absl::StrJoin(printed, "\n");
}

std::vector<std::string> Reader::Logged() const {
  std::vector<std::string> lines;
  for (const std::unique_ptr<Process>& process : running_) {
    for (const std::string& line : LinesOf(ForPages(process->Log()))) lines.push_back(line);
  }
  return lines;
}

bool Updating() {
  return getenv("TAREA_UPDATE_DOCS") != nullptr;  // NOLINT(concurrency-mt-unsafe)
}

// Puts what was printed where the page has `said`.
void Replace(std::vector<std::string>& page, int line, const DocCommand& command,
             const std::vector<std::string>& printed) {
  const bool fenced = !absl::StartsWith(page[static_cast<size_t>(line) - 1], " ");
  const int words =
      1 + static_cast<int>(std::count(command.command.begin(), command.command.end(), '\n'));
  const auto begin = page.begin() + line - 1 + words;
  const auto rest = page.erase(begin, begin + static_cast<std::ptrdiff_t>(command.output.size()));
  std::vector<std::string> lines;
  for (const std::string& text : printed) {
    lines.push_back(text.empty() ? "" : absl::StrCat(fenced ? "" : "    ", text));
  }
  page.insert(rest, lines.begin(), lines.end());
}

std::vector<std::string> Pages() {
  std::vector<std::string> pages = {"README.md", "bench/README.md"};
  for (const fs::directory_entry& entry :
       fs::directory_iterator(absl::StrCat(TAREA_SOURCE_DIR, "/docs"))) {
    if (entry.path().extension() == ".md") {
      pages.push_back(absl::StrCat("docs/", entry.path().filename().string()));
    }
  }
  std::sort(pages.begin(), pages.end());
  return pages;
}

class Docs : public testing::TestWithParam<std::string> {};

TEST_P(Docs, CommandsDoWhatThePageShows) {
  const std::string file = absl::StrCat(TAREA_SOURCE_DIR, "/", GetParam());
  const std::string text = ReadFile(file);
  const auto steps = ParseDocPage(text);
  ASSERT_TRUE(steps.ok()) << GetParam() << ": " << steps.status().message();
  std::vector<std::string> page = absl::StrSplit(text, '\n');
  Reader reader;
  std::ptrdiff_t shift = 0;
  for (const DocStep& step : *steps) {
    if (step.is_log) {
      SCOPED_TRACE(absl::StrCat(GetParam(), ":", step.log.line));
      for (const std::string& line : step.log.lines) {
        if (line == "...") continue;
        const auto logged = [&] {
          const std::vector<std::string> all = reader.Logged();
          return std::any_of(all.begin(), all.end(), [&](const std::string& other) {
            return Normalized(other) == Normalized(line);
          });
        };
        EXPECT_TRUE(WaitFor(logged, absl::Seconds(10)))
            << "nobody logged: " << line << "\nbut this:\n"
            << absl::StrJoin(reader.Logged(), "\n");
      }
      continue;
    }
    const DocCommand& command = step.command;
    SCOPED_TRACE(absl::StrCat(GetParam(), ":", command.line, ": ", command.command));
    std::vector<std::string> printed;
    reader.Run(command, printed);
    if (command.hidden || SameOutput(command.output, printed)) continue;
    if (Updating()) {
      Replace(page, command.line + static_cast<int>(shift), command, printed);
      shift += std::ssize(printed) - std::ssize(command.output);
      continue;
    }
    ADD_FAILURE() << "the page says:\n"
                  << absl::StrJoin(command.output, "\n") << "\nbut this was printed:\n"
                  << absl::StrJoin(printed, "\n");
  }
  if (Updating()) WriteFile(file, absl::StrJoin(page, "\n"));
}

INSTANTIATE_TEST_SUITE_P(All, Docs, testing::ValuesIn(Pages()), [](const auto& page) {
  return absl::StrReplaceAll(page.param, {{".md", ""}, {"docs/", ""}, {"/", "_"}, {"-", "_"}});
});

// --- The test itself

TEST(DocsPage, FindsCommandsWithTheirOutputAndExitCodes) {
  const auto steps = ParseDocPage(
      "Text.\n\n<!-- run: hidden -->\n<!-- exit: 1 -->\n\n    $ one a\n    out\n\n    more\n    $ "
      "two \\\n"
      "        b\n    ...\n\nText.\n```console\n$ three\n```\n```cpp\n$ no\n```\n");
  ASSERT_TRUE(steps.ok()) << steps.status();
  ASSERT_EQ(steps->size(), 4);
  EXPECT_TRUE((*steps)[0].command.hidden);
  EXPECT_EQ((*steps)[0].command.command, "hidden");
  EXPECT_EQ((*steps)[1].command.command, "one a");
  EXPECT_EQ((*steps)[1].command.output, (std::vector<std::string>{"out", "", "more"}));
  EXPECT_EQ((*steps)[1].command.exit_code, 0);
  EXPECT_EQ((*steps)[2].command.command, "two \\\nb");
  EXPECT_EQ((*steps)[2].command.exit_code, 1);
  EXPECT_EQ((*steps)[3].command.command, "three");
  EXPECT_EQ((*steps)[3].command.line, 16);
}

TEST(DocsPage, RefusesACommandThatWouldNotBeRun) {
  EXPECT_FALSE(ParseDocPage("Text.\n\n    client stats\n").ok());
  EXPECT_TRUE(ParseDocPage("Text.\n\n<!-- not run: why -->\n\n    client stats\n").ok());
  EXPECT_FALSE(
      ParseDocPage("<!-- not run: why -->\n\n    client a\n\nText.\n\n    client b\n").ok());
}

TEST(DocsPage, ComparesWhatDoesNotDifferFromRunToRun) {
  EXPECT_TRUE(SameOutput({"took 12ms on w1-0123456789abcdef, 3s ago", "b"},
                         {"b", "took  1.5s on w2-fedcba9876543210, now"}));
  EXPECT_TRUE(SameOutput({"a", "..."}, {"a", "b", "c"}));
  EXPECT_FALSE(SameOutput({"a", "..."}, {"b", "c"}));
  EXPECT_FALSE(SameOutput({"3 tasks: 3 succeeded"}, {"3 tasks: 3 failed"}));
  EXPECT_FALSE(SameOutput({"a"}, {"a", "a"}));
  EXPECT_FALSE(SameOutput({}, {"a"}));
}

}  // namespace
}  // namespace tarea
