#ifndef TAREA_MASTER_PKI_COMMANDS_H_
#define TAREA_MASTER_PKI_COMMANDS_H_

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/cli_fwd.h"

namespace tarea {

// The commands that make certificates: `master pki init` and `master pki issue`. Not thread-safe.
class PkiCommands {
 public:
  // Adds them to `app`, which must outlive it.
  explicit PkiCommands(CLI::App& app);

  // Once the command line is read: runs the command that it names, if it names one, and answers
  // its exit code.
  std::optional<int> Run(absl::Time now, std::ostream& out, std::ostream& err) const;

 private:
  int Init(absl::Time now, std::ostream& out, std::ostream& err) const;
  int Issue(absl::Time now, std::ostream& out, std::ostream& err) const;

  CLI::App* init_ = nullptr;
  CLI::App* issue_ = nullptr;
  std::string directory_ = "pki";
  std::vector<std::string> hosts_;
  std::string name_;
  std::string role_;
  std::vector<std::string> queues_;
  absl::Duration valid_ = absl::Hours(24) * 365;
};

}  // namespace tarea

#endif  // TAREA_MASTER_PKI_COMMANDS_H_
