#include "common/flag_errors.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/did_you_mean.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxErrorBytes = 512;

std::string Values(const CLI::Option& option) {
  return Printable(absl::StrJoin(option.results(), " "));
}

// Why `option` does not take the values it has been given.
std::string WhyNot(const CLI::Option& option, const CLI::ParseError& error) {
  const std::vector<std::string> choices = Choices(option);
  for (const std::string& value : option.results()) {
    if (choices.empty() || std::find(choices.begin(), choices.end(), value) != choices.end()) {
      continue;
    }
    return absl::StrCat("'", Printable(value), "' is none of ", absl::StrJoin(choices, ", "),
                        DidYouMean(value, choices));
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr && option.count() > 1) {
    return absl::StrCat("is given ", option.count(), " values (", Values(option), "); give it one");
  }
  const std::string type = TypeName(option);
  // A range says only that something is outside of it.
  const bool whole = type == "INT" || type == "UINT";
  for (const std::string& value : whole ? option.results() : std::vector<std::string>()) {
    int64_t number = 0;
    if (absl::SimpleAtoi(value, &number)) continue;
    return absl::StrCat("'", Printable(value), "' is not a whole number in range");
  }
  if (dynamic_cast<const CLI::ConversionError*>(&error) != nullptr) {
    return absl::StrCat("'", Values(option), "' is not ",
                        option.get_items_expected_max() == 0 ? "true or false"
                        : type == "INT"                      ? "a whole number in range"
                        : type == "UINT"                     ? "a whole number from 0 up, in range"
                        : type == "FLOAT"                    ? "a number"
                                                             : absl::StrCat("a ", type));
  }
  // Ours and CLI11's begin with the name.
  absl::string_view text = error.what();
  absl::ConsumePrefix(&text, absl::StrCat(option.get_name(), ": "));
  return Printable(text, kMaxErrorBytes);
}

// The flags that may be written after `command`, and may be shown.
std::vector<std::string> KnownFlags(const CLI::App& command) {
  std::vector<std::string> known;
  for (const CLI::App* app = &command; app != nullptr; app = app->get_parent()) {
    for (const CLI::Option* option : app->get_options([](const CLI::Option*) { return true; })) {
      for (const std::string& name : option->get_lnames()) {
        known.push_back(absl::StrCat("--", name));
      }
    }
  }
  return known;
}

std::vector<std::string> KnownCommands(const CLI::App& app) {
  std::vector<std::string> known;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    known.push_back(command->get_name());
    for (const std::string& alias : command->get_aliases()) known.push_back(alias);
  }
  return known;
}

const CLI::App& ParsedCommand(const CLI::App& app) {
  const std::vector<CLI::App*> parsed = app.get_subcommands();
  return parsed.empty() ? app : *parsed.back();
}

// A word that nothing takes.
std::string DescribeExtra(const CLI::App& app, const std::string& word) {
  const CLI::App& command = ParsedCommand(app);
  if (absl::StartsWith(word, "-") && word.size() > 1) {
    const std::string flag = word.substr(0, word.find('='));
    return absl::StrCat("unknown flag '", Printable(flag), "'",
                        DidYouMean(flag, KnownFlags(command)));
  }
  const std::vector<std::string> commands = KnownCommands(app);
  if (&command == &app && !commands.empty()) {
    const std::string hint = DidYouMean(word, commands);
    return absl::StrCat(
        "unknown command '", Printable(word), "'",
        hint.empty() ? absl::StrCat("; the commands are ", absl::StrJoin(commands, ", ")) : hint);
  }
  return absl::StrCat("unexpected argument '", Printable(word), "'");
}

// Parsing is over, so handing out the values once more does no harm; the one that was refused will
// be again.
const CLI::Option* Culprit(CLI::App& app, std::string& why) {
  for (CLI::Option* option : app.get_options()) {
    if (option->count() == 0) continue;
    const absl::Status status = RunCallback(*option);
    if (status.ok()) continue;
    why = std::string(status.message());
    return option;
  }
  for (CLI::App* command : app.get_subcommands()) {
    if (const CLI::Option* option = Culprit(*command, why)) return option;
  }
  return nullptr;
}

bool HoldsOnly(absl::string_view text, char delimiter) {
  return !text.empty() && text.find_first_not_of(delimiter) == absl::string_view::npos;
}

// The option of the program or of one of its commands that has this name and takes a list.
const CLI::Option* ListOption(const CLI::App& app, const std::string& name) {
  const CLI::Option* option = app.get_option_no_throw(name);
  if (option != nullptr && option->get_delimiter() != '\0') return option;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (const CLI::Option* found = ListOption(*command, name)) return found;
  }
  return nullptr;
}

}  // namespace

std::string TypeName(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  constexpr absl::string_view kHost = "HOST:";
  const size_t begin = absl::StartsWith(type, kHost) ? kHost.size() : 0;
  return type.substr(0, type.find(':', begin));
}

std::vector<std::string> Choices(const CLI::Option& option) {
  // The type of an option with CLI::IsMember({"a", "b"}) is TEXT:{a,b}.
  const std::string type = option.get_type_name();
  const size_t begin = type.find(":{");
  const size_t end = type.find('}');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return {};
  return absl::StrSplit(type.substr(begin + 2, end - begin - 2), ',');
}

absl::Status RunCallback(CLI::Option& option) {
  try {
    option.run_callback();
  } catch (const CLI::ParseError& error) {
    return absl::InvalidArgumentError(WhyNot(option, error));
  }
  return absl::OkStatus();
}

absl::Status CheckLists(const CLI::App& app, const std::vector<std::string>& words) {
  for (size_t i = 0; i < words.size() && words[i] != "--"; ++i) {
    if (!absl::StartsWith(words[i], "-")) continue;
    const size_t equals = words[i].find('=');
    const std::string name = words[i].substr(0, equals);
    const CLI::Option* option = ListOption(app, name);
    if (option == nullptr || (equals == std::string::npos && i + 1 == words.size())) continue;
    const std::string value =
        equals == std::string::npos ? words[i + 1] : words[i].substr(equals + 1);
    if (HoldsOnly(value, option->get_delimiter())) {
      return absl::InvalidArgumentError(
          absl::StrCat(name, ": '", Printable(value), "' has no value in it"));
    }
  }
  return absl::OkStatus();
}

std::string Describe(CLI::App& app, const CLI::ParseError& error) {
  if (dynamic_cast<const CLI::ExtrasError*>(&error) != nullptr) {
    const std::vector<std::string> extras = app.remaining(true);
    const auto extra =
        std::find_if(extras.begin(), extras.end(), [](const auto& word) { return word != "--"; });
    if (extra != extras.end()) return DescribeExtra(app, *extra);
  }
  std::string why;
  if (const CLI::Option* culprit = Culprit(app, why)) {
    return absl::StrCat(culprit->get_name(), ": ", why);
  }
  const std::string text = Printable(error.what(), kMaxErrorBytes);
  if (dynamic_cast<const CLI::ExcludesError*>(&error) != nullptr) {
    return absl::StrReplaceAll(text, {{" excludes ", " does not go with "}});
  }
  // The only mistake about a value that CLI11 finds before any option knows of it.
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error) != nullptr) {
    return absl::StrCat(text.substr(0, text.find(':')), " needs a value");
  }
  return text;
}

}  // namespace tarea
