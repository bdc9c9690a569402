#ifndef TAREA_COMMON_COMPLETION_H_
#define TAREA_COMMON_COMPLETION_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/cli_fwd.h"

namespace tarea {

// The completion script of a program for "bash", "zsh" or "fish", made from its flags. It completes
// commands, flags, fixed values, and files where a file is meant; after `--`, and after the flags
// of a command that runs others, it completes commands.
//
// `program` is the name in the sources, "client". The script is for it and for the installed name,
// tarea-client; or only for the name of `app` if that is neither of them.
std::string Completion(const CLI::App& app, absl::string_view program, absl::string_view shell);

// The rest is for the files that write the scripts.

struct CompletionFlag {
  enum class Value { kNone, kWord, kFile, kDirectory, kChoice };

  // "--queue", "-q"; for an argument its name.
  std::vector<std::string> names;
  std::string description;
  Value value = Value::kNone;
  // What stands for the value in the help.
  std::string label;
  std::vector<std::string> choices;
  // Several values may follow each other, with a comma between them.
  bool is_list = false;
  bool may_repeat = false;
  // It does not go with a command, or each command has its own.
  bool only_without_command = false;
};

struct CompletionCommand {
  // And other names of it.
  std::vector<std::string> names;
  std::string description;
  std::vector<CompletionFlag> flags;
  std::vector<CompletionFlag> arguments;
  // Its first word that is no flag begins a command line.
  bool runs_commands = false;
};

struct CompletionModel {
  std::vector<std::string> programs;
  // What functions of the script begin with.
  std::string function;
  // Without a command. Its flags go with all of them, unless they say otherwise.
  CompletionCommand root;
  std::vector<CompletionCommand> commands;
};

std::string BashCompletion(const CompletionModel& model);
std::string ZshCompletion(const CompletionModel& model);
std::string FishCompletion(const CompletionModel& model);

// `text` in single quotes, for bash and zsh.
std::string ShellQuote(absl::string_view text);

}  // namespace tarea

#endif  // TAREA_COMMON_COMPLETION_H_
