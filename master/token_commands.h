#ifndef TAREA_MASTER_TOKEN_COMMANDS_H_
#define TAREA_MASTER_TOKEN_COMMANDS_H_

#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/cli_fwd.h"
#include "master/security/tokens.h"

namespace tarea {

// The commands that make tokens, list them and take them back: `master token create`, `list` and
// `revoke`. A master may run on the same data meanwhile. Not thread-safe.
class TokenCommands {
 public:
  // Adds them to `app`, which must outlive it.
  explicit TokenCommands(CLI::App& app);

  // Once the command line is read: runs the command that it names, if it names one, and answers
  // its exit code.
  std::optional<int> Run(const std::string& data_dir, absl::Time now, std::ostream& out,
                         std::ostream& err) const;

 private:
  absl::Status Create(Tokens& tokens, absl::Time now, std::ostream& out, std::ostream& err) const;
  absl::Status List(Tokens& tokens, absl::Time now, std::ostream& out) const;
  absl::Status Revoke(Tokens& tokens, absl::Time now, std::ostream& out) const;

  CLI::App* create_ = nullptr;
  CLI::App* list_ = nullptr;
  CLI::App* revoke_ = nullptr;
  std::string name_;
  std::string role_;
  std::vector<std::string> queues_;
  absl::Duration expires_ = absl::Hours(90 * 24);
  std::string to_;
  std::string which_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_TOKEN_COMMANDS_H_
