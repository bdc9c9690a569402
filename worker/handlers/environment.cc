#include "worker/handlers/environment.h"

#include <unistd.h>

#include <utility>

#include "absl/strings/str_split.h"

namespace tarea {

Environment InheritedEnvironment(const ExecPolicy& policy) {
  Environment environment;
  for (char** entry = environ; entry != nullptr && *entry != nullptr; ++entry) {
    std::pair<std::string, std::string> variable = absl::StrSplit(*entry, absl::MaxSplits('=', 1));
    if (PassesOn(policy, variable.first)) environment.insert(std::move(variable));
  }
  return environment;
}

}  // namespace tarea
