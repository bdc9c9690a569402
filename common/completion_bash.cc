#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "common/completion.h"

namespace tarea {
namespace {

using Value = CompletionFlag::Value;

// FUNCTION stands for the name of the script's function. bash splits words at = and at : too.
constexpr char kScript[] = R"bash(
# Fills COMPREPLY with what a kind of value begins with the word $1.
FUNCTION_fill() {
  local word=$1 prefix=
  case $kind in
    file) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
    directory) compopt -o filenames 2>/dev/null; mapfile -t COMPREPLY < <(compgen -d -- "$word") ;;
    list)
      if [[ $word == *,* ]]; then prefix=${word%,*},; fi
      compopt -o nospace 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -P "$prefix" -W "$choices" -- "${word##*,}") ;;
    choice) mapfile -t COMPREPLY < <(compgen -W "$choices" -- "$word") ;;
    *) COMPREPLY=() ;;
  esac
}

# The words from number $1 on are a command line of its own.
FUNCTION_command_line() {
  if declare -F _command_offset >/dev/null; then
    _command_offset "$1"
  elif ((COMP_CWORD == $1)) && [[ $current != */* ]]; then
    mapfile -t COMPREPLY < <(compgen -c -- "$current" | sort -u)
  else
    kind=file; FUNCTION_fill "$current"
  fi
}

FUNCTION() {
  local current=${COMP_WORDS[COMP_CWORD]} command='' kind='' choices='' word i arguments=0
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in
      --) FUNCTION_command_line $((i + 1)); return ;;
      :) ((++i)) ;;
      -*)
        if FUNCTION_value "$command" "$word"; then
          if [[ ${COMP_WORDS[i + 1]-} == = ]]; then ((++i)); fi
          if ((++i >= COMP_CWORD)); then
            if [[ $current == = ]]; then current=''; fi
            FUNCTION_fill "$current"
            return
          fi
        fi ;;
      *)
        if [[ -z $command ]]; then
          FUNCTION_is_command "$word" && command=$word
        elif FUNCTION_runs_commands "$command"; then
          FUNCTION_command_line "$i"; return
        else
          ((++arguments))
        fi ;;
    esac
  done
  kind=choice
  if [[ $current == -* ]]; then
    choices=$(FUNCTION_flags "$command")
    FUNCTION_fill "$current"
  elif [[ -z $command ]] && choices=$(FUNCTION_commands) && [[ -n $choices ]]; then
    FUNCTION_fill "$current"
  elif FUNCTION_runs_commands "$command"; then
    FUNCTION_command_line "$COMP_CWORD"
  elif FUNCTION_argument "$command" "$arguments"; then
    FUNCTION_fill "$current"
  fi
}
)bash";

std::string Kind(const CompletionFlag& flag) {
  switch (flag.value) {
    case Value::kFile:
      return "kind=file";
    case Value::kDirectory:
      return "kind=directory";
    case Value::kChoice:
      return absl::StrCat(flag.is_list ? "kind=list" : "kind=choice",
                          " choices=", ShellQuote(absl::StrJoin(flag.choices, " ")));
    case Value::kWord:
    case Value::kNone:
      break;
  }
  return "kind=word";
}

// The names of flags; with `common` only of those that go with a command too.
std::string NamesOf(const std::vector<CompletionFlag>& flags, bool common = false) {
  std::vector<std::string> names;
  for (const CompletionFlag& flag : flags) {
    if (common && flag.only_without_command) continue;
    names.insert(names.end(), flag.names.begin(), flag.names.end());
  }
  return absl::StrJoin(names, " ");
}

// "run,--arg-file|run,-a) kind=file ;;" for each flag that takes a value.
void AppendValues(std::string& out, const CompletionCommand& command, bool is_root) {
  for (const CompletionFlag& flag : command.flags) {
    if (flag.value == Value::kNone) continue;
    std::vector<std::string> patterns;
    for (const std::string& name : flag.names) {
      if (is_root) {
        patterns.push_back(absl::StrCat(flag.only_without_command ? "," : "*,", name));
      }
      for (const std::string& command_name : command.names) {
        if (!is_root) patterns.push_back(absl::StrCat(command_name, ",", name));
      }
    }
    absl::StrAppend(&out, "    ", absl::StrJoin(patterns, "|"), ") ", Kind(flag), " ;;\n");
  }
}

void AppendArguments(std::string& out, const CompletionCommand& command, bool is_root) {
  for (size_t i = 0; i < command.arguments.size(); ++i) {
    std::vector<std::string> patterns;
    for (const std::string& name : command.names) {
      patterns.push_back(absl::StrCat(is_root ? "" : name, ",", i));
    }
    absl::StrAppend(&out, "    ", absl::StrJoin(patterns, "|"), ") ", Kind(command.arguments[i]),
                    " ;;\n");
  }
}

std::string Function(const CompletionModel& model, absl::string_view name, absl::string_view what,
                     absl::string_view cases, absl::string_view otherwise) {
  return absl::StrCat("\n", model.function, name, "() {\n  case ", what, " in\n", cases, "    *) ",
                      otherwise, " ;;\n  esac\n}\n");
}

std::string Names(const CompletionCommand& command) { return absl::StrJoin(command.names, "|"); }

}  // namespace

std::string BashCompletion(const CompletionModel& model) {
  std::string values;
  std::string arguments;
  std::string flags;
  std::string running;
  std::vector<std::string> names;
  std::vector<std::string> patterns;
  const std::string common_flags = NamesOf(model.root.flags, true);
  for (const CompletionCommand& command : model.commands) {
    AppendValues(values, command, false);
    AppendArguments(arguments, command, false);
    absl::StrAppend(&flags, "    ", Names(command), ") echo ",
                    ShellQuote(absl::StrCat(NamesOf(command.flags), " ", common_flags)), " ;;\n");
    if (command.runs_commands) absl::StrAppend(&running, "    ", Names(command), ") return 0 ;;\n");
    names.insert(names.end(), command.names.begin(), command.names.end());
    patterns.push_back(Names(command));
  }
  AppendValues(values, model.root, true);
  AppendArguments(arguments, model.root, true);
  const std::string is_command =
      patterns.empty() ? "" : absl::StrCat("    ", absl::StrJoin(patterns, "|"), ") return 0 ;;\n");
  return absl::StrCat("# Completion of ", absl::StrJoin(model.programs, " and "), " for bash.\n\n",
                      model.function, "_commands() { echo ", ShellQuote(absl::StrJoin(names, " ")),
                      "; }\n", Function(model, "_is_command", "$1", is_command, "return 1"),
                      Function(model, "_runs_commands", "$1", running, "return 1"),
                      Function(model, "_flags", "$1", flags,
                               absl::StrCat("echo ", ShellQuote(NamesOf(model.root.flags)))),
                      "\n# What the flag $2 of the command $1 takes; fails if it takes nothing.",
                      Function(model, "_value", "$1,$2", values, "return 1"),
                      "\n# What the argument number $2 of the command $1 is.",
                      Function(model, "_argument", "$1,$2", arguments, "return 1"),
                      absl::StrReplaceAll(kScript, {{"FUNCTION", model.function}}),
                      "\ncomplete -F ", model.function, " ", absl::StrJoin(model.programs, " "),
                      "\n");
}

}  // namespace tarea
