#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/completion.h"

namespace tarea {
namespace {

using Value = CompletionFlag::Value;

// Inside a specification of _arguments.
std::string Escaped(absl::string_view text) {
  return absl::StrReplaceAll(text, {{"\\", "\\\\"}, {":", "\\:"}, {"[", "\\["}, {"]", "\\]"}});
}

std::string Action(const CompletionFlag& flag) {
  switch (flag.value) {
    case Value::kFile:
      return "_files";
    case Value::kDirectory:
      return "_files -/";
    case Value::kChoice:
      return flag.is_list ? absl::StrCat("_values -s , value ", absl::StrJoin(flag.choices, " "))
                          : absl::StrCat("(", absl::StrJoin(flag.choices, " "), ")");
    case Value::kWord:
    case Value::kNone:
      break;
  }
  return " ";
}

// '*--label=[For finding the tasks again]:NAME=VALUE: ', once per name.
void AppendFlag(std::string& out, const CompletionFlag& flag, absl::string_view indent) {
  for (const std::string& name : flag.names) {
    std::string spec =
        flag.may_repeat ? "*" : absl::StrCat("(", absl::StrJoin(flag.names, " "), ")");
    absl::StrAppend(&spec, name);
    const bool is_long = name.size() > 2;
    if (flag.value != Value::kNone) spec += is_long ? "=" : "+";
    absl::StrAppend(&spec, "[", Escaped(flag.description), "]");
    if (flag.value != Value::kNone) {
      absl::StrAppend(&spec, ":", Escaped(flag.label), ":", Action(flag));
    }
    absl::StrAppend(&out, indent, ShellQuote(spec), "\n");
  }
}

void AppendArgument(std::string& out, const CompletionFlag& argument, absl::string_view indent) {
  const std::string spec = absl::StrCat(argument.may_repeat ? "*:" : ":",
                                        Escaped(argument.names.front()), ":", Action(argument));
  absl::StrAppend(&out, indent, ShellQuote(spec), "\n");
}

// The specifications of one command.
std::string Specifications(const CompletionCommand& command, absl::string_view indent) {
  std::string out;
  for (const CompletionFlag& flag : command.flags) {
    if (!flag.only_without_command) AppendFlag(out, flag, indent);
  }
  for (const CompletionFlag& argument : command.arguments) AppendArgument(out, argument, indent);
  if (command.runs_commands) {
    absl::StrAppend(&out, indent, "'(-):command: _command_names -e'\n", indent,
                    "'*::arguments: _normal'\n");
  }
  return out;
}

}  // namespace

std::string ZshCompletion(const CompletionModel& model) {
  // As zsh wants the file in its fpath to be called.
  const std::string function = absl::StrCat("_", model.programs.front());
  std::string out =
      absl::StrCat("#compdef ", absl::StrJoin(model.programs, " "), "\n# Completion of ",
                   absl::StrJoin(model.programs, " and "), " for zsh.\n\n", function, "() {\n");
  absl::StrAppend(&out,
                  "  local curcontext=\"$curcontext\" state line\n  local -a globals alone own\n",
                  "  globals=(\n", Specifications(model.root, "    "), "  )\n  alone=(\n");
  for (const CompletionFlag& flag : model.root.flags) {
    if (flag.only_without_command) AppendFlag(out, flag, "    ");
  }
  out += "  )\n";
  if (model.commands.empty()) {
    absl::StrAppend(&out, "  _arguments -s -S $globals $alone\n}\n");
  } else {
    absl::StrAppend(&out, "  local -a subcommands\n  subcommands=(\n");
    std::string cases;
    for (const CompletionCommand& command : model.commands) {
      for (const std::string& name : command.names) {
        absl::StrAppend(&out, "    ",
                        ShellQuote(absl::StrCat(
                            name, ":", absl::StrReplaceAll(command.description, {{":", "\\:"}}))),
                        "\n");
      }
      absl::StrAppend(&cases, "        ", absl::StrJoin(command.names, "|"), ")\n          own=(\n",
                      Specifications(command, "            "), "          ) ;;\n");
    }
    absl::StrAppend(&out,
                    "  )\n  _arguments -C $globals $alone '1: :->command' '*:: :->arguments'\n",
                    "  case $state in\n    command) _describe -t commands command subcommands ;;\n",
                    "    arguments)\n      own=()\n      case $words[1] in\n", cases,
                    "      esac\n      _arguments -s -S $globals $own ;;\n  esac\n}\n");
  }
  // Loaded from fpath it is the function itself; sourced, it only registers it.
  absl::StrAppend(&out, "\nif [[ $funcstack[1] == ", function, " ]]; then\n  ", function,
                  " \"$@\"\nelse\n  compdef ", function, " ", absl::StrJoin(model.programs, " "),
                  "\nfi\n");
  return out;
}

}  // namespace tarea
