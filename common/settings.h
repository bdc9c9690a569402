#ifndef TAREA_COMMON_SETTINGS_H_
#define TAREA_COMMON_SETTINGS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/cli_fwd.h"
#include "common/config_file.h"

namespace tarea {

// Where the values of a program's flags come from: command line > environment > configuration file
// > default. CLI11 reads a file before the environment, and tells neither apart in its errors; so
// it only gets the command line here, and what that leaves open is filled in afterwards.
//
//     Settings settings(app, "client");
//     app.parse(argc, argv);
//     absl::Status status = settings.Fill();
//     status = settings.CheckRequired();
//
// Each flag with a long name, of the program and of its commands, has a variable and a key:
// --data-dir is TAREA_DATA_DIR and data-dir; --queue of run is TAREA_RUN_QUEUE, and queue in the
// table [run]. A flag whose CLI::Option::envname is set has that for its variable. Those that are
// not configurable (CLI::Option::configurable) have neither.
//
// Not thread-safe. `app` must outlive it, and may get no flags once it is made.
class Settings {
 public:
  // `program` names the configuration file: "client" reads client.toml. `config` is the flag that
  // names another one; null if there is none.
  Settings(CLI::App& app, std::string program, const CLI::Option* config);
  Settings(const Settings&) = delete;
  Settings& operator=(const Settings&) = delete;

  // Gives the flags that the command line has not set the values of the environment, and then of
  // the file. A flag that goes not with one set before is left alone.
  // INVALID_ARGUMENT: a value is wrong, or a key is unknown; the message names its source.
  absl::Status Fill();

  // Variables of the environment that look like misspelt ones of this program, and the one that
  // each is probably meant to be, in the order of the environment. Others may belong to another
  // program.
  std::vector<std::pair<std::string, std::string>> Misspelt() const;

  // INVALID_ARGUMENT: a flag without which the command does not go is still not set.
  absl::Status CheckRequired() const;

  // Whether the command line itself sets this flag.
  bool IsFromCommandLine(const CLI::Option* option) const;

  // Where the value of a flag comes from if that is not the command line: "TAREA_LEASE" or
  // "/etc/tarea/master.toml:3"; empty otherwise. `flag` is written as --lease.
  std::string Origin(absl::string_view flag) const;

  // The variable of a flag; empty if it has none.
  std::string Variable(const CLI::Option* option) const;

  // Whether its command does not go without this flag.
  bool IsRequired(const CLI::Option* option) const;

  // What is in force, as a configuration file that says so again. Each line tells where its value
  // comes from; defaults are comments, so that they stay what they are: defaults.
  std::string ToToml() const;

 private:
  enum class Source { kDefault, kFile, kEnvironment, kCommandLine };

  struct Setting {
    const CLI::App* app = nullptr;
    CLI::Option* option = nullptr;
    // The name of the command, which is also its table in the file; empty for the program itself.
    std::string section;
    std::string key;
    std::string variable;
    bool required = false;
    Source source = Source::kDefault;
    std::string origin;
  };

  void Collect(CLI::App& app, const std::string& section);
  absl::Status FillFromEnvironment();
  absl::Status FillFromFile(const std::string& path);
  absl::Status Give(Setting& setting, Source source, const std::string& origin,
                    const std::vector<std::string>& values);
  bool ExcludedByHigher(const Setting& setting, Source source) const;
  absl::Status UnknownKey(const ConfigEntry& entry, const std::string& path) const;
  Setting* Find(const ConfigEntry& entry);
  const Setting* Find(const CLI::Option* option) const;
  std::optional<std::string> ConfigPath() const;
  static std::string Line(const Setting& setting);

  const CLI::App& app_;
  const std::string program_;
  const CLI::Option* const config_;
  std::vector<Setting> settings_;
  std::vector<std::string> sections_;
};

}  // namespace tarea

#endif  // TAREA_COMMON_SETTINGS_H_
