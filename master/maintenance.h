#ifndef TAREA_MASTER_MAINTENANCE_H_
#define TAREA_MASTER_MAINTENANCE_H_

#include <optional>
#include <ostream>
#include <string>

#include "common/cli_fwd.h"

namespace tarea {

// The commands of the master's binary that do not run a master: check and backup. Not thread-safe.
//
//     MaintenanceCommands maintenance(app);
//     ...
//     if (const std::optional<int> exit = maintenance.Run(options.data_dir, std::cout, std::cerr))
//     {
//       return *exit;
//     }
class MaintenanceCommands {
 public:
  // Adds them to `app`, which must outlive it.
  explicit MaintenanceCommands(CLI::App& app);

  // Once the command line is read: runs the command that it names, if it names one, and answers
  // its exit code.
  std::optional<int> Run(const std::string& data_dir, std::ostream& out, std::ostream& err) const;

 private:
  int Check(const std::string& data_dir, std::ostream& out, std::ostream& err) const;
  int MakeBackup(const std::string& data_dir, std::ostream& out, std::ostream& err) const;

  CLI::App* check_ = nullptr;
  std::string file_;
  CLI::App* backup_ = nullptr;
  std::string to_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_MAINTENANCE_H_
