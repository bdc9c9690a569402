#ifndef TAREA_COMMON_FLAGS_H_
#define TAREA_COMMON_FLAGS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/cli_fwd.h"
#include "common/logging.h"
#include "common/settings.h"

// What the command lines of all three binaries have in common, on top of CLI11.
namespace tarea {

// The group of flags that --help only names; --help-all explains them.
inline constexpr char kMoreOptions[] = "More options";

// The group of flags of a program that go without a command only.
inline constexpr char kWithoutCommand[] = "Without a command";

// A flag that takes a duration ("30s", "7d") that is not negative. `value` holds the default, if
// there is one, and must outlive `app`.
CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& value,
                         const std::string& help);
CLI::Option* AddDuration(CLI::App& app, const std::string& name,
                         std::optional<absl::Duration>& value, const std::string& help);

// A flag that takes a number of bytes ("512M", "2G"). `value` must outlive `app`.
CLI::Option* AddBytes(CLI::App& app, const std::string& name, int64_t& value,
                      const std::string& help);

// A flag that takes NAME=VALUE, as often as one likes; the value may be empty, and hold a '='. Of
// the same name the last one counts. `pairs` must outlive `app`.
CLI::Option* AddPairs(CLI::App& app, const std::string& name,
                      std::map<std::string, std::string>& pairs, const std::string& help);

// --master: addresses of masters, which are tried in turn. Takes nothing but HOST:PORT: gRPC would
// take a host alone, with a port of its own choice. `masters` holds the default and must outlive
// `app`.
CLI::Option* AddMasters(CLI::App& app, std::vector<std::string>& masters, const std::string& help);

// --log-level and --log-format. `options` must outlive `app`.
void AddLogFlags(CLI::App& app, LogOptions& options);

// Reads the command line, the environment and the configuration file, once all flags are added.
//
//     CLI::App app("Keeps tasks.", "master");
//     AddMasterFlags(app, options);
//     ProgramFlags flags(app, std::cout, std::cerr);
//     if (const std::optional<int> exit = flags.Parse(argc, argv)) return *exit;
//     if (absl::Status status = Check(options); !status.ok()) return flags.Usage(status.message());
//
// Adds --version, --help-all, --config, --print-config, and for packagers --completion and
// --man-page. The name of `app` is that of the configuration file; in texts for people the program
// has the name it was started by. Not thread-safe; `app` and the streams must outlive it.
class ProgramFlags {
 public:
  ProgramFlags(CLI::App& app, std::ostream& out, std::ostream& err);
  ~ProgramFlags();
  ProgramFlags(const ProgramFlags&) = delete;
  ProgramFlags& operator=(const ProgramFlags&) = delete;

  // Call it once. Answers the exit code if the program is to end now: after --help and the like, or
  // after a mistake, which is then on stderr.
  std::optional<int> Parse(int argc, const char* const* argv);

  // Tells a mistake that only shows afterwards, and answers the exit code. If `text` begins with a
  // flag, as in "--lease is 1ms", it also says where that was set.
  int Usage(absl::string_view text) const;

  // The program, and the command if there is one: "client run".
  std::string Invocation() const;

  // Whether the command line itself sets this flag.
  bool IsFromCommandLine(const CLI::Option* option) const;

 private:
  std::optional<int> ParseWords(std::vector<std::string> words);
  std::optional<int> PrintAndEnd() const;

  CLI::App& app_;
  std::ostream& out_;
  std::ostream& err_;
  const std::string program_;
  CLI::Option* config_ = nullptr;
  CLI::Option* print_config_ = nullptr;
  CLI::Option* completion_ = nullptr;
  CLI::Option* man_page_ = nullptr;
  std::unique_ptr<Settings> settings_;
};

// ProgramFlags for a program that needs to tell no mistakes later.
std::optional<int> ParseFlags(CLI::App& app, int argc, const char* const* argv);

}  // namespace tarea

#endif  // TAREA_COMMON_FLAGS_H_
