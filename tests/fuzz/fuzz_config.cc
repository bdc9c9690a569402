// Command line, environment and configuration file of a program. The input is three texts with a
// NUL between them: the words, one a line; variables of the environment, one a line; the file.

#include <stdlib.h>

#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <tuple>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/time.h"
#include "common/config_file.h"
#include "common/convert.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "common/logging.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr size_t kMaxWords = 20;

// What a program of ours looks like, with each kind of flag.
struct Program {
  Program() {
    AddDuration(app, "--lease", lease, "A duration");
    AddBytes(app, "--size", size, "A size");
    AddPairs(app, "--label", labels, "Pairs");
    AddMasters(app, masters, "A list");
    AddLogFlags(app, log);
    app.add_option("--slots", slots, "A number")->check(CLI::Range(1, 1000));
    app.add_flag("--force", force, "A flag");
    CLI::App* run = app.add_subcommand("run", "A command");
    AddDuration(*run, "--timeout", timeout, "A duration that may be not set");
    CLI::Option* retries = run->add_option("--retries", number, "A number");
    run->add_option("--max-attempts", attempts, "Excludes another")->excludes(retries);
    run->add_option("--queue", queue, "A text");
    run->add_option("words", words, "What to run");
  }

  std::optional<int> Parse(const std::vector<std::string>& arguments) {
    std::vector<const char*> argv = {"program"};
    for (const std::string& word : arguments) argv.push_back(word.c_str());
    ProgramFlags flags(app, out, err);
    return flags.Parse(static_cast<int>(argv.size()), argv.data());
  }

  CLI::App app{"A program", "program"};
  std::ostringstream out;
  std::ostringstream err;
  absl::Duration lease = absl::Seconds(30);
  std::optional<absl::Duration> timeout;
  int64_t size = 4096;
  std::map<std::string, std::string> labels;
  std::vector<std::string> masters = {"127.0.0.1:50051"};
  LogOptions log;
  int slots = 1;
  int number = 3;
  int attempts = 0;
  bool force = false;
  std::string queue = "default";
  std::vector<std::string> words;
};

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines = absl::StrSplit(text, '\n', absl::SkipEmpty());
  if (lines.size() > kMaxWords) lines.resize(kMaxWords);
  return lines;
}

// Sets variables while it lives.
class Environment {
 public:
  explicit Environment(const std::string& config) { Set("TAREA_CONFIG", config); }
  ~Environment() {
    for (const std::string& name : names_) unsetenv(name.c_str());
  }

  void Set(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    names_.push_back(name);
  }

 private:
  std::vector<std::string> names_;
};

void Write(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

// What a file sets, wherever in it.
std::vector<std::tuple<std::string, std::string, std::vector<std::string>>> SettingsIn(
    const std::string& path) {
  const absl::StatusOr<std::vector<ConfigEntry>> entries = ReadConfigFile(path);
  FUZZ_CHECK(entries.ok(), entries.status().ToString());
  std::vector<std::tuple<std::string, std::string, std::vector<std::string>>> settings;
  for (const ConfigEntry& entry : *entries) {
    settings.emplace_back(entry.section, entry.key, entry.values);
  }
  return settings;
}

// What a program prints for people has lines, but is harmless otherwise.
void CheckLines(const std::string& text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n', absl::SkipEmpty())) {
    CheckText(line);
  }
}

void RunProgram(const std::string& dir, const std::vector<std::string>& words,
                const std::vector<std::string>& variables, const std::string& file) {
  const std::string given = dir + "/given.toml";
  const std::string printed = dir + "/printed.toml";
  const std::string again = dir + "/again.toml";
  Write(given, file);
  {
    Environment environment(given);
    for (const std::string& line : variables) {
      const std::pair<std::string, std::string> pair =
          absl::StrSplit(line, absl::MaxSplits('=', 1));
      if (absl::StartsWith(pair.first, "TAREA_")) environment.Set(pair.first, pair.second);
    }
    Program program;
    const std::optional<int> exit = program.Parse(words);
    CheckLines(program.err.str());
    if (exit.has_value()) {
      const bool usage = *exit == kExitUsage;
      FUZZ_CHECK(usage || *exit == kExitOk, absl::StrCat(*exit));
      FUZZ_CHECK(!(usage ? program.err : program.out).str().empty(), "it says nothing");
      return;
    }
    FUZZ_CHECK(program.lease >= absl::ZeroDuration(), absl::FormatDuration(program.lease));
    FUZZ_CHECK(program.timeout.value_or(absl::ZeroDuration()) >= absl::ZeroDuration(), "");
    FUZZ_CHECK(program.size >= 0, absl::StrCat(program.size));
    FUZZ_CHECK(program.slots >= 1 && program.slots <= 1000, absl::StrCat(program.slots));
    FUZZ_CHECK(!program.masters.empty(), "no masters");

    Program printing;
    std::vector<std::string> print = {"--print-config"};
    print.insert(print.end(), words.begin(), words.end());
    const std::optional<int> status = printing.Parse(print);
    FUZZ_CHECK(status == kExitOk, printing.err.str());
    Write(printed, printing.out.str());
  }
  // What is printed, read again, is what is printed then.
  Environment environment(printed);
  Program reading;
  FUZZ_CHECK(reading.Parse({"--print-config"}) == kExitOk, reading.err.str());
  Write(again, reading.out.str());
  FUZZ_CHECK(SettingsIn(printed) == SettingsIn(again), reading.out.str());
}

void CheckValues(const std::string& dir, const std::string& text) {
  if (const auto duration = ParseDuration(text); !duration.ok()) {
    CheckError(duration.status());
  } else {
    const auto again = ParseDuration(absl::FormatDuration(*duration));
    FUZZ_CHECK(again.ok(), absl::FormatDuration(*duration));
    const absl::Duration difference =
        *again == *duration ? absl::ZeroDuration() : absl::AbsDuration(*again - *duration);
    // Far from zero not all digits are printed.
    FUZZ_CHECK(difference <= absl::AbsDuration(*duration) / 1e9 + absl::Nanoseconds(1),
               absl::FormatDuration(*duration));
  }
  if (const auto bytes = ParseBytes(text); !bytes.ok()) {
    CheckError(bytes.status());
  } else {
    FUZZ_CHECK(*bytes >= 0, absl::StrCat(*bytes));
  }
  if (!IsUtf8(text)) return;
  const std::string path = dir + "/text.toml";
  Write(path, absl::StrCat("text = ", TomlString(text), "\n"));
  const auto entries = ReadConfigFile(path);
  FUZZ_CHECK(entries.ok(), entries.status().ToString());
  FUZZ_CHECK((*entries)[0].values == std::vector<std::string>{text}, TomlString(text));
}

}  // namespace
}  // namespace tarea

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarea;
  static const TempDir dir;
  FuzzInput input(data, size);
  const std::string words = input.Text(1000);
  const std::string variables = input.Text(1000);
  const std::string file = input.Rest();
  CheckValues(dir.path(), words);
  const absl::StatusOr<std::vector<ConfigEntry>> entries = [&] {
    Write(dir.path() + "/file.toml", file);
    return ReadConfigFile(dir.path() + "/file.toml");
  }();
  if (!entries.ok()) CheckError(entries.status());
  RunProgram(dir.path(), Lines(words), Lines(variables), file);
  return 0;
}
