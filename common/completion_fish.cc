#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/completion.h"

namespace tarea {
namespace {

using Value = CompletionFlag::Value;

// FUNCTION stands for the beginning of the functions' names, COMMANDS for the names of commands.
constexpr char kFunctions[] = R"fish(
# Prints the command that stands on the line, if there is one.
function _FUNCTION_command
    set -l words (commandline -opc)
    for word in $words[2..]
        if contains -- $word COMMANDS
            echo $word
            return
        end
    end
end

function _FUNCTION_is
    contains -- "$(_FUNCTION_command)" $argv
end

# Whether what is typed belongs to a command line of its own, which comes after --.
function _FUNCTION_in_rest
    contains -- -- (commandline -opc)
end

# Completes that command line by itself.
function _FUNCTION_rest
    set -l words (commandline -opc)
    set -l at (contains -i -- -- $words)
    set -l rest
    if test $at -lt (count $words)
        set rest (string escape -- $words[(math $at + 1)..])
    end
    complete -C "$(string join ' ' -- $rest (commandline -ct))"
end
)fish";

std::string Quote(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

std::string ValueOptions(const CompletionFlag& flag) {
  switch (flag.value) {
    case Value::kNone:
      return "";
    case Value::kFile:
      return " -r -F";
    case Value::kDirectory:
      return " -x -a '(__fish_complete_directories)'";
    case Value::kChoice:
      return flag.is_list
                 ? absl::StrCat(" -x -a '(__fish_append , ", absl::StrJoin(flag.choices, " "), ")'")
                 : absl::StrCat(" -x -a ", Quote(absl::StrJoin(flag.choices, " ")));
    case Value::kWord:
      return " -x";
  }
  return "";
}

// `condition` is a command; empty: always.
void AppendFlag(std::string& out, const CompletionFlag& flag, absl::string_view condition) {
  absl::StrAppend(&out, "    complete -c $program");
  if (!condition.empty()) absl::StrAppend(&out, " -n ", Quote(condition));
  for (const std::string& name : flag.names) {
    absl::StrAppend(&out, name.size() > 2 ? " -l " : " -s ", name.substr(name.size() > 2 ? 2 : 1));
  }
  absl::StrAppend(&out, ValueOptions(flag), " -d ", Quote(flag.description), "\n");
}

void AppendArguments(std::string& out, const CompletionCommand& command,
                     absl::string_view condition) {
  for (const CompletionFlag& argument : command.arguments) {
    const std::string value = ValueOptions(argument);
    if (argument.value == Value::kWord || value.empty()) continue;
    absl::StrAppend(&out, "    complete -c $program");
    if (!condition.empty()) absl::StrAppend(&out, " -n ", Quote(condition));
    absl::StrAppend(
        &out, argument.value == Value::kFile ? " -F" : absl::StrReplaceAll(value, {{" -x", " -f"}}),
        "\n");
  }
}

}  // namespace

std::string FishCompletion(const CompletionModel& model) {
  std::vector<std::string> commands;
  for (const CompletionCommand& command : model.commands) {
    commands.insert(commands.end(), command.names.begin(), command.names.end());
  }
  std::string out =
      absl::StrCat("# Completion of ", absl::StrJoin(model.programs, " and "), " for fish.\n");
  absl::StrAppend(
      &out, absl::StrReplaceAll(
                kFunctions,
                {{"FUNCTION", model.function},
                 {" COMMANDS", commands.empty() ? " ''" : " " + absl::StrJoin(commands, " ")}}));
  absl::StrAppend(&out, "\nfor program in ", absl::StrJoin(model.programs, " "),
                  "\n    complete -c $program -f\n    complete -c $program -n _", model.function,
                  "_in_rest -x -a '(_", model.function, "_rest)'\n");
  const std::string alone =
      model.commands.empty() ? "" : absl::StrCat("_", model.function, "_is \"\"");
  for (const CompletionFlag& flag : model.root.flags) {
    AppendFlag(out, flag, flag.only_without_command ? alone : "");
  }
  AppendArguments(out, model.root, "");
  for (const CompletionCommand& command : model.commands) {
    for (const std::string& name : command.names) {
      absl::StrAppend(&out, "    complete -c $program -n '_", model.function, "_is \"\"' -a ", name,
                      " -d ", Quote(command.description), "\n");
    }
    const std::string condition =
        absl::StrCat("_", model.function, "_is ", absl::StrJoin(command.names, " "));
    for (const CompletionFlag& flag : command.flags) AppendFlag(out, flag, condition);
    AppendArguments(out, command, condition);
    if (command.runs_commands) {
      absl::StrAppend(&out, "    complete -c $program -n ", Quote(condition),
                      " -a '(__fish_complete_command)'\n");
    }
  }
  return absl::StrCat(out, "end\n");
}

}  // namespace tarea
