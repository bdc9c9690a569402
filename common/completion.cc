#include "common/completion.h"

#include <CLI/CLI.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/flag_errors.h"
#include "common/flags.h"
#include "common/help.h"

namespace tarea {
namespace {

using Value = CompletionFlag::Value;

Value ValueOf(const CLI::Option& option, const CompletionFlag& flag) {
  if (option.get_items_expected_max() == 0) return Value::kNone;
  if (!flag.choices.empty()) return Value::kChoice;
  const std::string& name = flag.names.front();
  const std::string type = TypeName(option);
  if (type == "FILE" || (type == "TEXT" && absl::EndsWith(name, "-file"))) return Value::kFile;
  if (type == "DIR" || (type == "TEXT" && absl::EndsWith(name, "-dir"))) return Value::kDirectory;
  return Value::kWord;
}

CompletionFlag FlagOf(const CLI::Option& option) {
  CompletionFlag flag;
  for (const std::string& name : option.get_lnames()) {
    flag.names.push_back(absl::StrCat("--", name));
  }
  for (const std::string& name : option.get_snames()) flag.names.push_back(absl::StrCat("-", name));
  if (option.get_positional()) flag.names = {option.get_name(true)};
  flag.description = option.get_description();
  flag.label = ValueLabel(option);
  flag.choices = Choices(option);
  flag.is_list = option.get_delimiter() == ',';
  flag.may_repeat = option.get_items_expected_max() > 1;
  flag.value = ValueOf(option, flag);
  return flag;
}

bool IsOnlyWithoutCommand(const CLI::App& app, const CLI::Option& option) {
  return app.get_parent() == nullptr &&
         (option.get_group() == kWithoutCommand || &option == app.get_help_ptr());
}

CompletionCommand CommandOf(const CLI::App& app, absl::string_view program) {
  CompletionCommand command;
  command.names = {app.get_name()};
  for (const std::string& alias : app.get_aliases()) command.names.push_back(alias);
  command.description = app.get_description();
  for (const CLI::Option* option : ShownOptions(app)) {
    command.flags.push_back(FlagOf(*option));
    command.flags.back().only_without_command = IsOnlyWithoutCommand(app, *option);
  }
  for (const CLI::Option* option : ShownArguments(app)) {
    command.arguments.push_back(FlagOf(*option));
  }
  command.runs_commands = absl::StrContains(SplitFooter(app, program, program).usage, " CMD");
  return command;
}

}  // namespace

std::string ShellQuote(absl::string_view text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::string Completion(const CLI::App& app, absl::string_view program, absl::string_view shell) {
  CompletionModel model;
  const std::string installed = absl::StrCat("tarea-", program);
  if (app.get_name() == program || app.get_name() == installed) {
    model.programs = {installed, std::string(program)};
  } else {
    model.programs = {app.get_name()};
  }
  model.function = absl::StrCat("_", model.programs.front());
  for (char& c : model.function) {
    if (!absl::ascii_isalnum(static_cast<unsigned char>(c))) c = '_';
  }
  model.root = CommandOf(app, program);
  for (const CLI::App* command : ShownCommands(app)) {
    model.commands.push_back(CommandOf(*command, program));
  }
  if (shell == "bash") return BashCompletion(model);
  if (shell == "zsh") return ZshCompletion(model);
  return FishCompletion(model);
}

}  // namespace tarea
