#include "common/settings.h"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/did_you_mean.h"
#include "common/flag_errors.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr char kConfigVariable[] = "TAREA_CONFIG";
// Of no flag: what holds a token, and what commands are given by a worker.
constexpr absl::string_view kOtherVariables[] = {"TAREA_TOKEN",    "TAREA_TASK_ID",
                                                 "TAREA_TASK_DIR", "TAREA_ATTEMPT",
                                                 "TAREA_BATCH_ID", "TAREA_PROGRESS_FD"};

std::string Environment(const std::string& name) {
  // Nothing changes the environment while flags are read.
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

std::string VariableName(const std::string& section, const std::string& key) {
  std::string name = section.empty() ? "TAREA_" : absl::StrCat("TAREA_", section, "_");
  name += key;
  for (char& c : name) {
    c = c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return name;
}

bool IsFlag(const CLI::Option& option) { return option.get_items_expected_max() == 0; }

// That a flag is set to a truth. CLI11 only looks at how the text begins: to it "0rue" is 0.
absl::Status CheckTruth(const CLI::Option& option, const std::vector<std::string>& values) {
  // One with a type can do without a value, but has others than these.
  if (!IsFlag(option) || !option.get_type_name().empty()) return absl::OkStatus();
  for (const std::string& value : values) {
    int64_t number = 0;
    bool truth = false;
    const bool is_word = value.find_first_of("0123456789") == std::string::npos;
    if ((is_word || absl::SimpleAtoi(value, &number)) && CLI::detail::lexical_cast(value, truth)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("'", Printable(value), "' is not true or false"));
  }
  return absl::OkStatus();
}

// The value as it stands in the file: bare for what is a number or a truth to the flag.
std::string TomlValue(const CLI::Option& option, const std::string& text) {
  if (bool truth = false; IsFlag(option) && CLI::detail::lexical_cast(text, truth)) {
    return truth ? "true" : "false";
  }
  const std::string type = option.get_type_name();
  int64_t number = 0;
  if ((absl::StartsWith(type, "INT") || absl::StartsWith(type, "UINT")) &&
      absl::SimpleAtoi(text, &number)) {
    return absl::StrCat(number);
  }
  return TomlString(text);
}

bool TakesSeveral(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

// CLI11 writes a list of defaults as [a,b].
std::vector<std::string> Defaults(const CLI::Option& option) {
  std::string text = option.get_default_str();
  if (text.empty()) return {};
  if (!TakesSeveral(option)) return {text};
  if (text.front() == '[' && text.back() == ']') text = text.substr(1, text.size() - 2);
  return text.empty() ? std::vector<std::string>() : CLI::detail::split(text, ',');
}

}  // namespace

Settings::Settings(CLI::App& app, std::string program, const CLI::Option* config)
    : app_(app), program_(std::move(program)), config_(config) {
  Collect(app, "");
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    sections_.push_back(command->get_name());
    Collect(*command, command->get_name());
  }
}

void Settings::Collect(CLI::App& app, const std::string& section) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || !option->get_configurable() ||
        option == app.get_help_ptr() || option == app.get_help_all_ptr() ||
        option == app.get_version_ptr()) {
      continue;
    }
    const std::string& key = option->get_lnames()[0];
    std::string variable = option->get_envname();
    if (variable.empty()) variable = VariableName(section, key);
    Setting setting;
    setting.app = &app;
    setting.option = option;
    setting.section = section;
    setting.key = key;
    setting.variable = std::move(variable);
    setting.required = option->get_required();
    settings_.push_back(std::move(setting));
    // Both are for CheckRequired and Fill to see to, once it is known what is set.
    option->envname("");
    option->required(false);
  }
}

absl::Status Settings::Fill() {
  for (Setting& setting : settings_) {
    if (setting.option->count() == 0) continue;
    setting.source = Source::kCommandLine;
    const absl::Status status = CheckTruth(*setting.option, setting.option->results());
    if (!status.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", setting.key, ": ", status.message()));
    }
  }
  if (absl::Status status = FillFromEnvironment(); !status.ok()) return status;
  const std::optional<std::string> path = ConfigPath();
  return path.has_value() ? FillFromFile(*path) : absl::OkStatus();
}

absl::Status Settings::FillFromEnvironment() {
  for (Setting& setting : settings_) {
    const std::string value = Environment(setting.variable);
    if (value.empty()) continue;
    if (absl::Status status = Give(setting, Source::kEnvironment, setting.variable, {value});
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Settings::FillFromFile(const std::string& path) {
  const absl::StatusOr<std::vector<ConfigEntry>> entries = ReadConfigFile(path);
  if (!entries.ok()) return entries.status();
  for (const ConfigEntry& entry : *entries) {
    Setting* setting = Find(entry);
    if (setting == nullptr) return UnknownKey(entry, path);
    const std::string origin = absl::StrCat(path, ":", entry.line);
    if (entry.values.size() > 1 && !TakesSeveral(*setting->option)) {
      return absl::InvalidArgumentError(
          absl::StrCat(Printable(origin), ": '", entry.key, "' takes one value, not an array"));
    }
    if (absl::Status status = Give(*setting, Source::kFile, origin, entry.values); !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

absl::Status Settings::Give(Setting& setting, Source source, const std::string& origin,
                            const std::vector<std::string>& values) {
  if (setting.source > source || ExcludedByHigher(setting, source)) return absl::OkStatus();
  CLI::Option& option = *setting.option;
  const std::string subject =
      source == Source::kEnvironment
          ? origin
          : absl::StrCat(Printable(origin), ": ",
                         setting.section.empty() ? "" : absl::StrCat("[", setting.section, "] "),
                         setting.key);
  for (const CLI::Option* other : option.get_excludes()) {
    if (const Setting* set = Find(other); set != nullptr && set->source == source) {
      return absl::InvalidArgumentError(
          absl::StrCat(subject, " does not go with ", set->origin, " (", set->key, ")"));
    }
  }
  for (const std::string& value : values) option.add_result(value);
  if (option.count() == 0) {
    if (values.empty()) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(
        subject, ": '", Printable(absl::StrJoin(values, ",")), "' has no value in it"));
  }
  absl::Status status = CheckTruth(option, option.results());
  if (status.ok()) status = RunCallback(option);
  if (!status.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(subject, ": ", status.message()));
  }
  setting.source = source;
  setting.origin = origin;
  return absl::OkStatus();
}

// --max-attempts on the command line also overrules TAREA_SUBMIT_RETRIES: they say the same.
bool Settings::ExcludedByHigher(const Setting& setting, Source source) const {
  const std::set<CLI::Option*> excluded = setting.option->get_excludes();
  return std::any_of(excluded.begin(), excluded.end(), [&](const CLI::Option* other) {
    const Setting* set = Find(other);
    return set != nullptr && set->source > source;
  });
}

absl::Status Settings::UnknownKey(const ConfigEntry& entry, const std::string& path) const {
  const std::string place = absl::StrCat(Printable(path), ":", entry.line, ": ");
  if (!entry.section.empty() &&
      std::find(sections_.begin(), sections_.end(), entry.section) == sections_.end()) {
    return absl::InvalidArgumentError(
        absl::StrCat(place, "unknown table [", Printable(entry.section), "]",
                     sections_.empty() ? absl::StrCat("; ", program_, " has no tables")
                                       : DidYouMean(entry.section, sections_)));
  }
  std::vector<std::string> keys;
  std::string elsewhere;
  if (entry.section.empty() && app_.get_option_no_throw("--" + entry.key) != nullptr) {
    elsewhere = "; it goes on the command line only";
  }
  for (const Setting& setting : settings_) {
    if (setting.section == entry.section) keys.push_back(setting.key);
    if (setting.section.empty() && setting.key == entry.key) {
      elsewhere = "; it belongs above the first table";
    } else if (entry.section.empty() && setting.key == entry.key && elsewhere.empty()) {
      elsewhere = absl::StrCat("; it belongs in a table, for instance [", setting.section, "]");
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat(place, "unknown key '", Printable(entry.key), "'",
                   entry.section.empty() ? "" : absl::StrCat(" in [", entry.section, "]"),
                   elsewhere.empty() ? DidYouMean(entry.key, keys) : elsewhere));
}

// One slip, or two in a long name: with more, variables of master, worker and client, which may
// share an environment, would be taken for each other's. The tests look whether they are.
std::vector<std::pair<std::string, std::string>> Settings::Misspelt() const {
  constexpr size_t kLongName = 12;  // TAREA_ and six letters
  std::vector<std::string> known = {kConfigVariable};
  for (const Setting& setting : settings_) known.push_back(setting.variable);
  std::vector<std::pair<std::string, std::string>> found;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    const absl::string_view text = *entry;
    const absl::string_view name = text.substr(0, text.find('='));
    if (!absl::StartsWith(name, "TAREA_") || absl::EndsWith(text, "=")) continue;
    if (absl::c_linear_search(known, name)) continue;
    if (absl::c_linear_search(kOtherVariables, name)) continue;
    const std::string closest = Closest(name, known);
    if (!closest.empty() && EditDistance(name, closest) <= (name.size() > kLongName ? 2 : 1)) {
      found.emplace_back(name, closest);
    }
  }
  return found;
}

absl::Status Settings::CheckRequired() const {
  for (const Setting& setting : settings_) {
    const bool in_use = setting.app->get_parent() == nullptr || setting.app->parsed();
    if (setting.required && in_use && setting.option->count() == 0) {
      return absl::InvalidArgumentError(absl::StrCat("--", setting.key, " is required"));
    }
  }
  return absl::OkStatus();
}

bool Settings::IsFromCommandLine(const CLI::Option* option) const {
  const Setting* setting = Find(option);
  return setting != nullptr && setting->source == Source::kCommandLine;
}

std::string Settings::Origin(absl::string_view flag) const {
  absl::ConsumePrefix(&flag, "--");
  for (const Setting& setting : settings_) {
    const bool in_use = setting.app->get_parent() == nullptr || setting.app->parsed();
    if (in_use && setting.key == flag) return setting.origin;
  }
  return "";
}

std::string Settings::Variable(const CLI::Option* option) const {
  if (option == config_ && config_ != nullptr) return kConfigVariable;
  const Setting* setting = Find(option);
  return setting == nullptr ? "" : setting->variable;
}

bool Settings::IsRequired(const CLI::Option* option) const {
  const Setting* setting = Find(option);
  return setting == nullptr ? option->get_required() : setting->required;
}

Settings::Setting* Settings::Find(const ConfigEntry& entry) {
  for (Setting& setting : settings_) {
    if (setting.section == entry.section && setting.key == entry.key) return &setting;
  }
  return nullptr;
}

const Settings::Setting* Settings::Find(const CLI::Option* option) const {
  for (const Setting& setting : settings_) {
    if (setting.option == option) return &setting;
  }
  return nullptr;
}

// One that is named must be there; of the usual places the first that has one counts.
std::optional<std::string> Settings::ConfigPath() const {
  if (config_ == nullptr) return std::nullopt;
  if (config_->count() > 0) return config_->results().back();
  if (std::string named = Environment(kConfigVariable); !named.empty()) return named;
  for (const std::string& place : ConfigFilePlaces(program_)) {
    std::error_code ignored;
    if (std::filesystem::exists(place, ignored)) return place;
  }
  return std::nullopt;
}

std::string Settings::Line(const Setting& setting) {
  const CLI::Option& option = *setting.option;
  const bool set = setting.source != Source::kDefault;
  std::vector<std::string> values = set ? option.results() : Defaults(option);
  if (values.empty() && IsFlag(option)) values = {"false"};
  std::string text;
  if (values.empty()) {
    text = TakesSeveral(option) ? "[]" : "\"\"";
  } else if (TakesSeveral(option)) {
    text = absl::StrCat("[",
                        absl::StrJoin(values, ", ",
                                      [&](std::string* out, const std::string& value) {
                                        out->append(TomlValue(option, value));
                                      }),
                        "]");
  } else {
    text = TomlValue(option, values.back());
  }
  const std::string origin = setting.source == Source::kCommandLine ? "flag"
                             : set                                  ? Printable(setting.origin)
                             : values.empty()                       ? "not set"
                                                                    : "default";
  // A path may be any bytes, but a file of settings is text.
  if (!IsUtf8(text)) {
    return absl::StrCat("# ", setting.key, " = ", Printable(text, text.size() * 4), "  # ", origin,
                        "; not in UTF-8, so no file can set it\n");
  }
  return absl::StrCat(set ? "" : "# ", setting.key, " = ", text, "  # ", origin, "\n");
}

std::string Settings::ToToml() const {
  std::string text = absl::StrCat("# What is in force for ", program_,
                                  ", and where it comes from. Use it with --config FILE.\n");
  std::string section;
  for (const Setting& setting : settings_) {
    if (setting.section != section) absl::StrAppend(&text, "\n[", setting.section, "]\n");
    section = setting.section;
    text += Line(setting);
  }
  return text;
}

}  // namespace tarea
