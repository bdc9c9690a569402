// What the three programs say about themselves, and where they take their settings from.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Not;
using testing::StartsWith;

const char* const kPrograms[] = {"master", "worker", "client"};

struct Ended {
  std::optional<ProcessEnd> end;
  std::string out;
  std::string err;
};

Ended RunToEnd(const std::string& program, const std::vector<std::string>& arguments,
               const ProcessOptions& options = {}) {
  Process process(program, arguments, options);
  const std::optional<ProcessEnd> end = process.Wait();
  return {end, process.Output(), process.Log()};
}

// What a program prints that is to end well and without complaint.
std::string OutputOf(const std::string& program, const std::vector<std::string>& arguments,
                     const ProcessOptions& options = {}) {
  const Ended ended = RunToEnd(program, arguments, options);
  EXPECT_EQ(ended.end, ProcessEnd{}) << program << " " << absl::StrJoin(arguments, " ");
  EXPECT_THAT(ended.err, IsEmpty());
  return ended.out;
}

std::vector<std::string> Lines(const std::string& text) {
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

// --- Settings
// --------------------------------------------------------------------------------------------

TEST(Settings, EachProgramTakesFlagsThenVariablesThenItsFileThenDefaults) {
  const TempDir dir;
  std::filesystem::create_directories(dir.path() + "/tarea");
  for (const std::string program : kPrograms) {
    WriteFile(absl::StrCat(dir.path(), "/tarea/", program, ".toml"),
              "log-level = \"debug\"\nlog-format = \"json\"\n");
    const std::string binary = BinPath(program);
    ProcessOptions options;
    EXPECT_THAT(OutputOf(binary, {"--print-config"}, options), HasSubstr("\n# log-level = \""));
    options.environment = {{"TAREA_CONFIG", ""}, {"XDG_CONFIG_HOME", dir.path()}};
    EXPECT_THAT(
        OutputOf(binary, {"--print-config"}, options),
        AllOf(HasSubstr("\nlog-level = \"debug\"  # /"), HasSubstr("\nlog-format = \"json\"")));
    options.environment["TAREA_LOG_LEVEL"] = "trace";
    EXPECT_THAT(OutputOf(binary, {"--print-config"}, options),
                AllOf(HasSubstr("\nlog-level = \"trace\"  # TAREA_LOG_LEVEL\n"),
                      HasSubstr("\nlog-format = \"json\"")));
    EXPECT_THAT(OutputOf(binary, {"--print-config", "--log-level", "error"}, options),
                HasSubstr("\nlog-level = \"error\"  # flag\n"));
  }
}

TEST(Settings, WhatAProgramPrintsAsInForceItTakesAsItsFile) {
  const TempDir dir;
  for (const std::string program : kPrograms) {
    const std::string file = absl::StrCat(dir.path(), "/", program, ".toml");
    std::string printed = OutputOf(BinPath(program), {"--log-level", "off", "--print-config"});
    WriteFile(file, printed);
    // Nor do the defaults say anything that would be refused as a setting.
    EXPECT_THAT(OutputOf(BinPath(program), {"--config", file, "--print-config"}),
                HasSubstr("\nlog-level = \"off\"  # /"));
  }
}

TEST(Settings, TheVariablesOfOneProgramAreNotTakenForMisspeltOnesOfAnother) {
  std::map<std::string, std::set<std::string>> variables;
  for (const std::string program : kPrograms) {
    const std::string page = OutputOf(BinPath(program), {"--man-page"});
    for (size_t at = page.find("TAREA_"); at != std::string::npos; at = page.find("TAREA_", at)) {
      const size_t end = page.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_", at);
      variables[program].insert(page.substr(at, end - at));
      at = end;
    }
    EXPECT_GE(variables[program].size(), 15) << program;
  }
  for (const std::string program : kPrograms) {
    ProcessOptions options;
    for (const auto& [other, names] : variables) {
      for (const std::string& name : names) {
        if (!variables[program].contains(name)) options.environment[name] = "x";
      }
    }
    // What a command finds in its environment, and where a token may be.
    for (const char* name :
         {"TASK_ID", "BATCH_ID", "ATTEMPT", "TASK_DIR", "PROGRESS_FD", "TOKEN"}) {
      options.environment[absl::StrCat("TAREA_", name)] = "1";
    }
    OutputOf(BinPath(program), {"--print-config"}, options);
  }
}

TEST(Settings, AMistakeInTheFileEndsEachProgramWithTwo) {
  const TempDir dir;
  const std::string file = dir.path() + "/x.toml";
  WriteFile(file, "\nlog-levle = \"info\"\n");
  for (const std::string program : kPrograms) {
    const Ended ended = RunToEnd(BinPath(program), {"--config", file});
    EXPECT_EQ(ended.end, (ProcessEnd{.code = 2}));
    EXPECT_EQ(ended.err,
              absl::StrCat(program, ": ", file,
                           ":2: unknown key 'log-levle'; did you mean 'log-level'?\nTry: ", program,
                           " --help\n"));
  }
}

// --- Help
// ------------------------------------------------------------------------------------------------

std::vector<std::vector<std::string>> AllHelps() {
  std::vector<std::vector<std::string>> helps;
  for (const std::string program : kPrograms) helps.push_back({program, "--help"});
  const std::string help = OutputOf(BinPath("client"), {"--help"});
  for (const std::string& line : Lines(help.substr(help.find("Commands:\n") + 10))) {
    if (!absl::StartsWith(line, "  ")) break;
    helps.push_back({"client", line.substr(2, line.find_first_of(" ,", 2) - 2), "--help"});
  }
  return helps;
}

TEST(Help, IsTheSameInFormForEachProgramAndCommandAndFitsAScreen) {
  const std::vector<std::vector<std::string>> helps = AllHelps();
  EXPECT_GT(helps.size(), 10);
  for (const std::vector<std::string>& help : helps) {
    const std::string text = OutputOf(BinPath(help[0]), {help.begin() + 1, help.end()});
    EXPECT_THAT(text, StartsWith(absl::StrCat("Usage: ",
                                              absl::StrJoin(help.begin(), help.end() - 1, " "))));
    EXPECT_THAT(text, HasSubstr("\nExit codes: 0 all succeeded, 1 some failed, 2 usage, 3 cannot "
                                "reach the master, 4 not allowed, 130"));
    const std::vector<std::string> lines = Lines(text);
    EXPECT_LE(lines.size(), 50) << text;
    for (const std::string& line : lines) EXPECT_LE(line.size(), 110) << line;
  }
}

TEST(Help, AllOfItHasTheVariablesAndTheRareOptions) {
  EXPECT_THAT(OutputOf(BinPath("master"), {"--help"}), Not(HasSubstr("TAREA_MAX_PAYLOAD")));
  EXPECT_THAT(OutputOf(BinPath("master"), {"--help-all"}), HasSubstr("(TAREA_MAX_PAYLOAD)"));
  EXPECT_THAT(OutputOf(BinPath("client"), {"run", "--help-all"}), HasSubstr("(TAREA_RUN_QUEUE)"));
}

TEST(Help, AProgramHasTheNameItWasStartedBy) {
  const TempDir dir;
  const std::string link = dir.path() + "/resizer";
  std::filesystem::create_symlink(BinPath("worker"), link);
  EXPECT_THAT(OutputOf(link, {"--help"}),
              AllOf(StartsWith("Usage: resizer "), HasSubstr("\n  resizer --slots 4 --exec\n")));
  EXPECT_THAT(RunToEnd(link, {"--slotz"}).err,
              AllOf(StartsWith("resizer: unknown flag '--slotz'; did you mean '--slots'?"),
                    HasSubstr("\nTry: resizer --help\n")));
}

// --- Completion
// ------------------------------------------------------------------------------------------

// Completes the last of `words` as bash would after Tab.
std::vector<std::string> Complete(const std::string& script, const std::vector<std::string>& words,
                                  const ProcessOptions& options = {}) {
  std::vector<std::string> arguments = {"--norc", "-c",
                                        R"(source "$0"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
[[ $(complete -p "$1") =~ -F\ ([^ ]+) ]] && "${BASH_REMATCH[1]}"
printf '%s\n' "${COMPREPLY[@]}")",
                                        script};
  arguments.insert(arguments.end(), words.begin(), words.end());
  return Lines(OutputOf("bash", arguments, options));
}

class Completion : public testing::Test {
 protected:
  std::string Script(const std::string& program, const std::string& shell) {
    const std::string path = absl::StrCat(dir_.path(), "/", program, ".", shell);
    WriteFile(path, OutputOf(BinPath(program), {"--completion", shell}));
    return path;
  }
  const TempDir dir_;
};

TEST_F(Completion, InBashKnowsCommandsFlagsAndFixedValues) {
  const std::string script = Script("client", "bash");
  for (const char* name : {"client", "tarea-client"}) {
    EXPECT_THAT(Complete(script, {name, ""}), IsSupersetOf({"run", "submit", "queues"}));
    EXPECT_THAT(Complete(script, {name, "stat"}), ElementsAre("status", "stats"));
  }
  EXPECT_THAT(Complete(script, {"client", "--conn"}), ElementsAre("--connect-timeout"));
  EXPECT_THAT(Complete(script, {"client", "run", "--que"}), ElementsAre("--queue"));
  EXPECT_THAT(Complete(script, {"client", "run", "--conn"}), ElementsAre("--connect-timeout"));
  EXPECT_THAT(Complete(script, {"client", "stats", "--que"}), IsEmpty());
  EXPECT_THAT(Complete(script, {"client", "--log-level", "d"}), ElementsAre("debug"));
  EXPECT_THAT(Complete(script, {"client", "--log-level", "=", "d"}), ElementsAre("debug"));
  EXPECT_THAT(Complete(script, {"client", "list", "--log-level", "w"}), ElementsAre("warn"));
  EXPECT_THAT(Complete(script, {"client", "list", "--state", "ready,ru"}),
              ElementsAre("ready,running"));
  EXPECT_THAT(Complete(script, {"client", "queues", "p"}), ElementsAre("pause"));
  const std::string master = Script("master", "bash");
  EXPECT_THAT(Complete(master, {"tarea-master", "--durability", ""}), ElementsAre("fsync", "os"));
  EXPECT_THAT(Complete(Script("worker", "bash"), {"worker", "--sl"}), ElementsAre("--slots"));
}

TEST_F(Completion, InBashTellsTheValueOfAFlagFromACommand) {
  const std::string script = Script("client", "bash");
  EXPECT_THAT(Complete(script, {"client", "--master", "a", ":", "1", "stat"}),
              ElementsAre("status", "stats"));
  EXPECT_THAT(Complete(script, {"client", "--master", "run", "--que"}), IsEmpty());
  EXPECT_THAT(Complete(script, {"client", "--wait", "1s", "stat"}), ElementsAre("status", "stats"));
  // The same name without a value, with a command.
  EXPECT_THAT(Complete(script, {"client", "submit", "--wait", "--que"}), ElementsAre("--queue"));
}

TEST_F(Completion, InBashKnowsFilesAndTheCommandsThatRunRuns) {
  const std::string script = Script("client", "bash");
  WriteFile(dir_.path() + "/an input", "");
  const ProcessOptions there{.working_directory = dir_.path()};
  EXPECT_THAT(Complete(script, {"client", "run", "-a", "an"}, there), ElementsAre("an input"));
  EXPECT_THAT(Complete(script, {"client", "run", "--", "gzi"}), Contains("gzip"));
  EXPECT_THAT(Complete(script, {"client", "run", "--queue", "q", "gzi"}), Contains("gzip"));
  EXPECT_THAT(Complete(script, {"client", "run", "--", "gzip", "an"}, there),
              ElementsAre("an input"));
  EXPECT_THAT(Complete(script, {"client", "run", "gzip", "--que"}), IsEmpty());
}

TEST_F(Completion, IsGoodZshAndFish) {
  for (const char* program : kPrograms) {
    const std::string zsh = Script(program, "zsh");
    OutputOf("zsh", {"-f", "-n", zsh});
    EXPECT_EQ(OutputOf("zsh", {"-f", "-c",
                               absl::StrCat("autoload -Uz compinit; compinit -u -D; source ", zsh,
                                            "; echo $_comps[", program, "]")}),
              absl::StrCat("_tarea-", program, "\n"));
    OutputOf("fish", {"-n", Script(program, "fish")});
  }
}

// A zsh that believes to have a terminal; after two tabs it lists what could follow.
TEST_F(Completion, InZshKnowsCommandsFlagsFixedValuesAndTheCommandsThatRunRuns) {
  const std::string script = Script("client", "zsh");
  constexpr char kPressTab[] = R"(zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z "PS1=RE''ADY; autoload -Uz compinit; compinit -u -D; source $1"
zpty -r z shown '*READY*'
zpty -w -n z "$2"$'\t\t'
zpty -r z shown "*$3*"
zpty -d z
print found)";
  const std::pair<const char*, const char*> cases[] = {
      {"client sta", "Show totals"},          {"client run --d", "Only print what would be run"},
      {"tarea-client --log-level ", "trace"}, {"client list --state ", "cancelled"},
      {"client run -- gz", "gzexe"},
  };
  for (const auto& [line, shown] : cases) {
    EXPECT_EQ(OutputOf("zsh", {"-f", "-c", kPressTab, "zsh", script, line, shown},
                       {.environment = {{"HOME", dir_.path()}, {"TERM", "xterm"}}}),
              "found\n")
        << line;
  }
}

TEST_F(Completion, InFishKnowsCommandsFlagsAndFixedValuesWithDescriptions) {
  const std::string script = Script("client", "fish");
  const ProcessOptions options{.environment = {{"HOME", dir_.path()}}};
  const auto complete = [&](const std::string& line) {
    return Lines(
        OutputOf("fish", {"-c", "source $argv[1]; complete -C $argv[2]", script, line}, options));
  };
  EXPECT_THAT(complete("client stat"),
              ElementsAre(StartsWith("stats\tShow totals"), StartsWith("status\tShow a batch")));
  EXPECT_THAT(complete("client run --que"), ElementsAre(StartsWith("--queue\tQueue to put")));
  EXPECT_THAT(complete("tarea-client --log-level w"), ElementsAre(StartsWith("warn")));
  EXPECT_THAT(complete("client run -- gzi"), Contains(StartsWith("gzip")));
}

// --- The manual
// -------------------------------------------------------------------------------------------

TEST(ManPage, OfEachProgramIsGoodRoffAndHasItsSections) {
  const TempDir dir;
  for (const std::string program : kPrograms) {
    const std::string page = absl::StrCat(dir.path(), "/tarea-", program, ".1");
    WriteFile(page, OutputOf(BinPath(program), {"--man-page"}));
    const std::string text = OutputOf("man", {"--warnings", "-E", "UTF-8", "-l", page},
                                      {.environment = {{"MANWIDTH", "80"}, {"LC_ALL", "C"}}});
    for (const char* section : {"NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "ENVIRONMENT",
                                "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"}) {
      EXPECT_THAT(Lines(text), Contains(section)) << program;
    }
    EXPECT_THAT(text, HasSubstr(absl::StrCat("tarea-", program, " - ")));
    EXPECT_THAT(text, HasSubstr("TAREA_LOG_LEVEL"));
    EXPECT_THAT(text, HasSubstr("130 interrupted"));
  }
}

TEST(ManPage, OfTheClientHasEachCommandWithItsOptionsAndExamples) {
  const std::string page = OutputOf(BinPath("client"), {"--man-page"});
  EXPECT_THAT(page, HasSubstr("\n.SH COMMANDS\n"));
  EXPECT_THAT(page, HasSubstr("\n.SS run\n"));
  EXPECT_THAT(page, HasSubstr("\n.SS queues\n"));
  EXPECT_THAT(page, HasSubstr("Variable: TAREA_RUN_QUEUE\n"));
  EXPECT_THAT(page, HasSubstr("\ntarea\\-client run \\-\\- gzip"));
}

TEST(ManPage, DoesNotTellWhoseHomeItWasMadeIn) {
  const std::string page =
      OutputOf(BinPath("master"), {"--man-page"},
               {.environment = {
                    {"HOME", "/home/somebody"}, {"XDG_STATE_HOME", ""}, {"STATE_DIRECTORY", ""}}});
  EXPECT_THAT(page, AllOf(HasSubstr("~/.local/state/tarea"), Not(HasSubstr("somebody"))));
}

// --- Installing
// -------------------------------------------------------------------------------------------

TEST(Install, PutsProgramsPagesAndCompletionsWhereTheyAreFound) {
  const TempDir dir;
  const std::string prefix = dir.path() + "/usr";
  const Ended install = RunToEnd("cmake", {"--install", TAREA_BINARY_DIR, "--prefix", prefix});
  ASSERT_EQ(install.end, ProcessEnd{}) << install.err;
  for (const std::string program : kPrograms) {
    const std::string name = "tarea-" + program;
    const std::string binary = absl::StrCat(prefix, "/bin/", name);
    EXPECT_EQ(OutputOf(binary, {"--version"}), OutputOf(BinPath(program), {"--version"}));
    EXPECT_THAT(OutputOf(binary, {"--help"}), StartsWith(absl::StrCat("Usage: ", name)));
    EXPECT_THAT(ReadFile(absl::StrCat(prefix, "/share/man/man1/", name, ".1")),
                HasSubstr(absl::StrCat("tarea\\-", program)));
    EXPECT_THAT(Complete(absl::StrCat(prefix, "/share/bash-completion/completions/", name),
                         {name, "--vers"}),
                ElementsAre("--version"));
    EXPECT_THAT(ReadFile(absl::StrCat(prefix, "/share/zsh/site-functions/_", name)),
                StartsWith(absl::StrCat("#compdef ", name, " ", program, "\n")));
    OutputOf("fish",
             {"-n", absl::StrCat(prefix, "/share/fish/vendor_completions.d/", name, ".fish")});
  }
  EXPECT_THAT(ReadFile(prefix + "/share/doc/tarea/LICENSE"), HasSubstr("MIT License"));
  EXPECT_THAT(ReadFile(prefix + "/share/doc/tarea/README.md"), StartsWith("# Tarea"));
}

}  // namespace
}  // namespace tarea
