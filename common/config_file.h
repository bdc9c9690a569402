#ifndef TAREA_COMMON_CONFIG_FILE_H_
#define TAREA_COMMON_CONFIG_FILE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// Configuration files are TOML:
//
//     master = ["127.0.0.1:50051", "10.0.0.2:50051"]
//
//     [run]
//     queue = "video"
namespace tarea {

// One key and what it is set to.
struct ConfigEntry {
  // The name of its table; empty for those before the first.
  std::string section;
  std::string key;
  // As they would be written on a command line. More than one, or none, only for an array.
  std::vector<std::string> values;
  // Where it is in the file, from 1 up.
  int line = 0;
};

// All keys of a file, in the order of its lines.
// INVALID_ARGUMENT: it cannot be read, is larger than 1 MiB, or is no TOML; or it has values that
// no flag takes, such as dates or tables in tables. The message begins with file and line.
absl::StatusOr<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path);

// Where the file of `program` ("client") may be when nobody says, the first that exists counts:
// $XDG_CONFIG_HOME/tarea/client.toml, ~/.config/tarea/client.toml, /etc/tarea/client.toml.
std::vector<std::string> ConfigFilePlaces(absl::string_view program);

// `text` as a TOML string, with its quotes.
std::string TomlString(absl::string_view text);

}  // namespace tarea

#endif  // TAREA_COMMON_CONFIG_FILE_H_
