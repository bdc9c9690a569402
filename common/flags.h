#ifndef TAREA_COMMON_FLAGS_H_
#define TAREA_COMMON_FLAGS_H_

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/logging.h"

// What the command lines of all three binaries have in common, on top of CLI11.
namespace tarea {

// A flag that takes a duration ("30s", "7d") that is not negative. `value` holds the default, if
// there is one, and must outlive `app`.
CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& value,
                         const std::string& help);
CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::optional<absl::Duration>& value, const std::string& help);

// A flag that takes a number of bytes ("512M", "2G"). `value` must outlive `app`.
CLI::Option* AddBytes(CLI::App& app, const std::string& name, int64_t& value,
                      const std::string& help);

// INVALID_ARGUMENT names the first of the values of --master that is not HOST:PORT: gRPC would take
// it all the same, with a port of its own choice.
absl::Status CheckMasters(const std::vector<std::string>& masters);

// --log-level and --log-format. `options` must outlive `app`.
void AddLogFlags(CLI::App& app, LogOptions& options);

// Parses the command line once all flags are added. Gives each flag of `app` and of its subcommands
// its variable in the environment first: --data-dir is TAREA_DATA_DIR, unless the option has a name
// of its own for it already (CLI::Option::envname). The command line wins.
// Answers the exit code if the program is to end now: after --help and --version, or after a
// mistake, which is then on stderr.
std::optional<int> ParseFlags(CLI::App& app, int argc, const char* const* argv);

// The same, for a program that does not write to stdout and stderr.
std::optional<int> ParseFlags(CLI::App& app, int argc, const char* const* argv, std::ostream& out,
                              std::ostream& err);

}  // namespace tarea

#endif  // TAREA_COMMON_FLAGS_H_
