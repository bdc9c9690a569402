#include "client/commands/cli.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "common/secret_memory.h"

namespace tarea {
namespace {

constexpr char kWaitVariable[] = "TAREA_SAMPLE_WAIT";
constexpr absl::Duration kSampleWait = absl::Seconds(30);

constexpr char kFooter[] =
    R"(Without a command it submits ten tasks and shows their results.

Examples:
  client run -- convert {} {.}.png ::: *.jpg
  client submit --type echo --payload hello --count 1000
  client status)";

struct Commands {
  std::vector<std::pair<CLI::App*, std::unique_ptr<Command>>> list;

  void AddTo(CLI::App& app) {
    for (auto make :
         {MakeRun, MakeSubmit, MakeStatus, MakeList, MakeShow, MakeLogs, MakeWatch, MakeCancel,
          MakeRetry, MakeStats, MakeWorkers, MakeQueues, MakeTop, MakeProgress}) {
      std::unique_ptr<Command> command = make();
      CLI::App* sub = command->AddTo(app);
      list.emplace_back(sub, std::move(command));
    }
  }
};

// Whether the flag `word` takes the next word as its value.
bool TakesNextWord(const std::string& word, CLI::App& command, CLI::App& app) {
  const auto find = [&](const std::string& name) {
    CLI::Option* option = command.get_option_no_throw(name);
    return option != nullptr ? option : app.get_option_no_throw(name);
  };
  if (absl::StartsWith(word, "--")) {
    const CLI::Option* option = find(word);  // none if it is --name=value
    return option != nullptr && option->get_items_expected_min() > 0;
  }
  // Short ones may stand together: -0a FILE.
  for (size_t i = 1; i < word.size(); ++i) {
    const CLI::Option* option = find({'-', word[i]});
    if (option == nullptr) return false;
    if (option->get_items_expected_min() > 0) return i + 1 == word.size();
  }
  return false;
}

// Position of the first of `words` from `begin` on that is neither a flag nor the value of one.
size_t FirstWord(const std::vector<std::string>& words, size_t begin, CLI::App& command,
                 CLI::App& app) {
  size_t i = begin;
  while (i < words.size() && words[i].size() > 1 && words[i][0] == '-' && words[i] != "--") {
    i += TakesNextWord(words[i], command, app) ? 2 : 1;
  }
  return std::min(i, words.size());
}

// Cuts off what is not for the parser, and gives it to its command.
void SplitWords(std::vector<std::string>& words, Commands& commands, CLI::App& app) {
  const size_t name = FirstWord(words, 0, app, app);
  if (name == words.size()) return;
  for (auto& [sub, command] : commands.list) {
    if (!command->TakesWords() || !sub->check_name(words[name])) continue;
    const auto rest =
        words.begin() + static_cast<std::ptrdiff_t>(FirstWord(words, name + 1, *sub, app));
    command->SetWords({std::make_move_iterator(rest), std::make_move_iterator(words.end())});
    words.erase(rest, words.end());
    return;
  }
}

void AddOutputFlags(CLI::App& app, GlobalFlags& flags) {
  app.add_option_function<std::string>(
         "-o,--output",
         [&flags](const std::string& name) {
           const absl::StatusOr<OutputFormat> format = ParseOutputFormat(name);
           if (!format.ok()) {
             throw CLI::ValidationError("--output", std::string(format.status().message()));
           }
           flags.output = *format;
         },
         "How to show things: table, wide (all columns), json, jsonl (one per line), yaml")
      ->default_str("table")
      ->type_name("FORMAT:{table,wide,json,jsonl,yaml}");
  app.add_flag("--json", flags.json,
               "The same as --output json, or jsonl where a command lists or streams");
  app.add_option_function<std::string>(
         "--color",
         [&flags](const std::string& when) {
           if (when == "auto") {
             flags.colours = GlobalFlags::Colours::kAuto;
           } else if (when == "always") {
             flags.colours = GlobalFlags::Colours::kAlways;
           } else if (when == "never") {
             flags.colours = GlobalFlags::Colours::kNever;
           } else {
             throw CLI::ValidationError(
                 "--color", absl::StrCat("'", Printable(when), "' is not auto, always or never"));
           }
         },
         "auto (on a terminal, without NO_COLOR), always or never")
      ->default_str("auto")
      ->type_name("WHEN:{auto,always,never}");
}

// --json wins over --output, which may come from the environment.
void ResolveOutput(GlobalFlags& flags) {
  if (flags.json) {
    flags.json_lines = true;
    flags.output = OutputFormat::kJson;
  }
  flags.json = IsForPrograms(flags.output);
}

void AddGlobalFlags(CLI::App& app, GlobalFlags& flags) {
  AddMasters(app, flags.masters, "Masters to talk to, tried in turn");
  AddDuration(app, "--connect-timeout", flags.connect_timeout,
              "How long to try while no master answers");
  AddCredentialFlags(app, flags.credential_options);
  AddOutputFlags(app, flags);
  AddLogFlags(app, flags.log);
}

}  // namespace

int RunClient(int argc, const char* const* argv, const Console& console) {
  Context context(console);
  CLI::App app("Submits tasks to a master and shows what becomes of them.", "client");
  app.footer(kFooter);
  app.require_subcommand(0, 1);
  app.fallthrough();  // global flags may follow a command
  AddGlobalFlags(app, context.flags);
  absl::Duration sample_wait = kSampleWait;
  CLI::Option* wait =
      AddDuration(app, "--wait", sample_wait, "How long the sample waits for its results");
  wait->envname(kWaitVariable)->group(kWithoutCommand);
  Commands commands;
  commands.AddTo(app);

  ProgramFlags flags(app, console.out, console.err);
  std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  SplitWords(words, commands, app);
  std::vector<const char*> kept = {argc > 0 ? argv[0] : "client"};
  for (const std::string& word : words) kept.push_back(word.c_str());
  if (const std::optional<int> exit = flags.Parse(static_cast<int>(kept.size()), kept.data())) {
    return *exit;
  }
  ResolveOutput(context.flags);
  context.command = flags.Invocation();
  if (context.flags.connect_timeout <= absl::ZeroDuration()) {
    return flags.Usage(absl::StrCat("--connect-timeout is ",
                                    absl::FormatDuration(context.flags.connect_timeout),
                                    "; it must be more than 0"));
  }
  if (console.init_logging) {
    if (absl::Status status = console.init_logging(context.flags.log); !status.ok()) {
      return flags.Usage(status.message());
    }
  }

  absl::StatusOr<Credentials> credentials =
      MakeCredentials(context.flags.credential_options, context.flags.masters, CalendarTime());
  if (!credentials.ok()) return flags.Usage(credentials.status().message());
  if (credentials->AnySecret()) KeepSecretsInMemory();
  context.flags.credentials = *std::move(credentials);

  int exit = kExitOk;
  if (app.get_subcommands().empty()) {
    exit = RunSample(context, sample_wait);
  } else {
    // In the environment and in the file it may stay, for whenever it counts.
    if (flags.IsFromCommandLine(wait)) {
      return flags.Usage("--wait DURATION goes without a command only");
    }
    for (auto& [sub, command] : commands.list) {
      if (!sub->parsed()) continue;
      exit = command->Run(context);
    }
  }
  context.EndDocument();
  console.out.flush();
  if (exit == kExitOk && !console.out) {
    context.Note("cannot write to stdout: is the disk full?");
    return kExitFailed;
  }
  return exit;
}

}  // namespace tarea
