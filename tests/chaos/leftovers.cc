#include "tests/chaos/leftovers.h"

#include <algorithm>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/support/process.h"

namespace tarea {

std::vector<std::string> ProcessesWith(const std::string& variable, const std::string& value) {
  std::vector<std::string> found;
  const std::string wanted = absl::StrCat(variable, "=", value);
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", ignored)) {
    // Empty for what is no process, for a zombie, and for other people's.
    const std::string environment = ReadFile(entry.path() / "environ");
    const std::vector<std::string> variables = absl::StrSplit(environment, '\0');
    if (std::find(variables.begin(), variables.end(), wanted) == variables.end()) continue;
    std::string command = ReadFile(entry.path() / "cmdline");
    std::replace(command.begin(), command.end(), '\0', ' ');
    found.push_back(absl::StrCat(entry.path().filename().string(), " ", command));
  }
  return found;
}

}  // namespace tarea
