#include "common/flags.h"

#include <cctype>
#include <cstdint>
#include <iostream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/exit_codes.h"
#include "common/version.h"

namespace tarea {
namespace {

void BindEnvironment(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    if (option->get_lnames().empty() || option == app.get_help_ptr() ||
        option == app.get_version_ptr() || !option->get_envname().empty()) {
      continue;
    }
    std::string name = "TAREA_";
    for (const char c : option->get_lnames()[0]) {
      name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
    option->envname(name);
  }
  for (CLI::App* command : app.get_subcommands([](CLI::App*) { return true; })) {
    BindEnvironment(*command);
  }
}

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

absl::Status CheckMasters(const std::vector<std::string>& masters) {
  for (const std::string& master : masters) {
    const size_t colon = master.rfind(':');
    uint32_t port = 0;
    if (colon != std::string::npos && colon > 0 &&
        absl::SimpleAtoi(master.substr(colon + 1), &port) && port > 0 && port <= 65535) {
      continue;
    }
    return absl::InvalidArgumentError(absl::StrCat(
        "--master is '", Printable(master), "'; write HOST:PORT, for instance 127.0.0.1:50051"));
  }
  return absl::OkStatus();
}

void AddLogFlags(CLI::App& app, LogOptions& options) {
  app.add_option("--log-level", options.level, "trace, debug, info, warn, error or off")
      ->capture_default_str();
  app.add_option("--log-format", options.format, "text or json")->capture_default_str();
}

std::optional<int> ParseFlags(CLI::App& app, int argc, const char* const* argv) {
  return ParseFlags(app, argc, argv, std::cout, std::cerr);
}

std::optional<int> ParseFlags(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                              std::ostream& err) {
  app.set_version_flag("--version", std::string(Version()));
  BindEnvironment(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    // --help and --version come as exceptions too.
    if (e.get_exit_code() == 0) return app.exit(e, out, err);
    err << app.get_name() << ": " << e.what() << "\nTry: " << app.get_name();
    for (const CLI::App* command : app.get_subcommands()) err << " " << command->get_name();
    err << " --help\n";
    return kExitUsage;
  }
  return std::nullopt;
}

}  // namespace tarea
