#include "common/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <iostream>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/completion.h"
#include "common/convert.h"
#include "common/exit_codes.h"
#include "common/flag_errors.h"
#include "common/help.h"
#include "common/man_page.h"
#include "common/version.h"

namespace tarea {
namespace {

absl::Duration DurationOf(const std::string& name, const std::string& text) {
  const absl::StatusOr<absl::Duration> parsed = ParseDuration(text);
  if (!parsed.ok()) throw CLI::ValidationError(name, std::string(parsed.status().message()));
  if (*parsed < absl::ZeroDuration()) {
    throw CLI::ValidationError(name,
                               absl::StrCat("is ", Printable(text), "; it must not be negative"));
  }
  return *parsed;
}

// `value` is an absl::Duration, or an optional one.
template <typename Value>
CLI::Option* AddDurationOption(CLI::App& app, const std::string& name, Value& value,
                               const std::string& help) {
  return app
      .add_option_function<std::string>(
          name, [name, &value](const std::string& text) { value = DurationOf(name, text); }, help)
      ->type_name("DURATION");
}

// Nothing if it is HOST:PORT, otherwise why not.
std::string CheckMaster(const std::string& master) {
  const size_t colon = master.rfind(':');
  uint32_t port = 0;
  const bool is_written_well = std::all_of(master.begin(), master.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (colon != std::string::npos && colon > 0 && is_written_well &&
      absl::SimpleAtoi(master.substr(colon + 1), &port) && port > 0 && port <= 65535) {
    return "";
  }
  return absl::StrCat("'", Printable(master), "' is not HOST:PORT, for instance 127.0.0.1:50051");
}

// The name a program was started by, without directories.
std::string BaseName(const std::string& path) { return path.substr(path.rfind('/') + 1); }

}  // namespace

CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& value,
                         const std::string& help) {
  return AddDurationOption(app, name, value, help)->default_str(absl::FormatDuration(value));
}

CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::optional<absl::Duration>& value, const std::string& help) {
  return AddDurationOption(app, name, value, help);
}

CLI::Option* AddBytes(CLI::App& app, const std::string& name, int64_t& value,
                      const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [name, &value](const std::string& text) {
            const absl::StatusOr<int64_t> parsed = ParseBytes(text);
            if (!parsed.ok()) {
              throw CLI::ValidationError(name, std::string(parsed.status().message()));
            }
            value = *parsed;
          },
          help)
      ->type_name("SIZE");
}

CLI::Option* AddPairs(CLI::App& app, const std::string& name,
                      std::map<std::string, std::string>& pairs, const std::string& help) {
  return app
      .add_option_function<std::vector<std::string>>(
          name,
          [name, &pairs](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              const std::pair<std::string, std::string> pair =
                  absl::StrSplit(text, absl::MaxSplits('=', 1));
              if (text.find('=') == std::string::npos || pair.first.empty()) {
                throw CLI::ValidationError(
                    name, absl::StrCat("'", Printable(text), "' is not NAME=VALUE"));
              }
              pairs[pair.first] = pair.second;
            }
          },
          help)
      ->allow_extra_args(false)
      ->type_name("NAME=VALUE");
}

CLI::Option* AddMasters(CLI::App& app, std::vector<std::string>& masters, const std::string& help) {
  return app.add_option("--master", masters, help)
      ->delimiter(',')
      ->allow_extra_args(false)
      ->check(CLI::Validator([](std::string& master) { return CheckMaster(master); }, ""))
      ->type_name("HOST:PORT[,...]")
      ->capture_default_str();
}

void AddLogFlags(CLI::App& app, LogOptions& options) {
  app.add_option("--log-level", options.level, "How much to log")
      ->check(CLI::IsMember({"trace", "debug", "info", "warn", "error", "off"}))
      ->type_name("LEVEL")
      ->capture_default_str();
  app.add_option("--log-format", options.format, "How to log")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT")
      ->capture_default_str();
}

ProgramFlags::ProgramFlags(CLI::App& app, std::ostream& out, std::ostream& err)
    : app_(app), out_(out), err_(err), program_(app.get_name()) {
  app.get_help_ptr()->description("Show this help");
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    command->get_help_ptr()->description("Show this help");
  }
  CLI::Option* help_all =
      app.set_help_all_flag("--help-all", "Show all options, and their variables");
  app.set_version_flag("--version", std::string(Version()), "Show the version");
  config_ = app.add_option("--config", "Configuration file to read [the first of the usual places]")
                ->type_name("FILE");
  print_config_ = app.add_flag("--print-config")
                      ->description("Print what is in force, as such a file, and end");
  completion_ = app.add_option("--completion", "Print the completion script for a shell, and end")
                    ->check(CLI::IsMember({"bash", "zsh", "fish"}))
                    ->type_name("SHELL");
  man_page_ = app.add_flag("--man-page")->description("Print the manual page, and end");
  for (CLI::Option* option : {help_all, config_, print_config_, completion_, man_page_}) {
    option->configurable(false)->group(kMoreOptions);
  }
}

ProgramFlags::~ProgramFlags() = default;

std::optional<int> ProgramFlags::Parse(int argc, const char* const* argv) {
  const std::string name = argc > 0 ? BaseName(argv[0]) : "";
  if (!name.empty()) app_.name(name);
  settings_ = std::make_unique<Settings>(app_, program_, config_);
  const std::vector<std::string> words(argv + (argc > 0 ? 1 : 0), argv + argc);
  if (absl::Status status = CheckLists(app_, words); !status.ok()) return Usage(status.message());
  if (const std::optional<int> exit = ParseWords(words)) return exit;
  if (completion_->count() > 0) {
    out_ << Completion(app_, program_, completion_->results().front());
    return kExitOk;
  }
  if (man_page_->count() > 0) {
    out_ << ManPage(app_, *settings_, program_);
    return kExitOk;
  }
  for (const auto& [found, meant] : settings_->Misspelt()) {
    err_ << app_.get_name() << ": " << Printable(found) << " is no variable of " << program_
         << "; did you mean " << meant << "?\n";
  }
  if (absl::Status status = settings_->Fill(); !status.ok()) return Usage(status.message());
  if (print_config_->count() > 0) {
    out_ << settings_->ToToml();
    return kExitOk;
  }
  if (absl::Status status = settings_->CheckRequired(); !status.ok()) {
    return Usage(status.message());
  }
  return std::nullopt;
}

std::optional<int> ProgramFlags::ParseWords(std::vector<std::string> words) {
  try {
    std::reverse(words.begin(), words.end());  // as CLI11 wants them
    app_.parse(std::move(words));
  } catch (const CLI::CallForVersion& e) {
    out_ << e.what() << "\n";
    return kExitOk;
  } catch (const CLI::Success& e) {  // --help and --help-all come as exceptions
    const CLI::App* command = &app_;
    if (const std::vector<CLI::App*> parsed = app_.get_subcommands(); !parsed.empty()) {
      command = parsed.back();
    }
    const bool all = dynamic_cast<const CLI::CallForAllHelp*>(&e) != nullptr;
    out_ << Help(*command, *settings_, Invocation(), program_, all);
    return kExitOk;
  } catch (const CLI::ParseError& e) {
    return Usage(Describe(app_, e));
  }
  return std::nullopt;
}

int ProgramFlags::Usage(absl::string_view text) const {
  err_ << app_.get_name() << ": " << text;
  if (absl::StartsWith(text, "--")) {
    const std::string origin = settings_->Origin(text.substr(0, text.find_first_of(" :,;")));
    if (!origin.empty()) err_ << " (set by " << Printable(origin) << ")";
  }
  err_ << "\nTry: " << Invocation() << " --help\n";
  return kExitUsage;
}

std::string ProgramFlags::Invocation() const {
  std::string invocation = app_.get_name();
  for (const CLI::App* command : app_.get_subcommands()) {
    absl::StrAppend(&invocation, " ", command->get_name());
  }
  return invocation;
}

bool ProgramFlags::IsFromCommandLine(const CLI::Option* option) const {
  return settings_ != nullptr && settings_->IsFromCommandLine(option);
}

std::optional<int> ParseFlags(CLI::App& app, int argc, const char* const* argv) {
  ProgramFlags flags(app, std::cout, std::cerr);
  return flags.Parse(argc, argv);
}

}  // namespace tarea
