#include "master/maintenance.h"

#include <CLI/CLI.hpp>

#include "common/exit_codes.h"
#include "master/store/sqlite_maintenance.h"

namespace tarea {
namespace {

constexpr char kCheckFooter[] =
    R"(Looks at the log, the checksum of each page, the structures and what the tables say about each
other, and changes nothing. It ends with 0 if all is sound, and with 1 if something is damaged or
cannot be read, or if a master runs there.

Examples:
  master check --data-dir /var/lib/tarea
  master check --file /backup/tarea.db)";

constexpr char kBackupFooter[] =
    R"(Copies the database as of one moment; a master may run on it and goes on. The file gets its name
once it is complete and on the disk. It ends with 1 if that cannot be done, and leaves no file then.

Examples:
  master backup --data-dir /var/lib/tarea --to /backup/tarea.db)";

}  // namespace

MaintenanceCommands::MaintenanceCommands(CLI::App& app) {
  app.fallthrough();  // commands have it from here: --data-dir may follow one
  check_ = app.add_subcommand("check", "Look for damage in the data; no master may run on it");
  check_->footer(kCheckFooter);
  check_->add_option("--file", file_, "Look at this backup instead of the data directory")
      ->type_name("FILE")
      ->configurable(false);
  backup_ = app.add_subcommand("backup", "Copy the data to a file, also while a master runs");
  backup_->footer(kBackupFooter);
  backup_->add_option("--to", to_, "The file to make; it must not be there yet")
      ->type_name("FILE")
      ->configurable(false)
      ->required();
  app.require_subcommand(0, 1);
}

std::optional<int> MaintenanceCommands::Run(const std::string& data_dir, std::ostream& out,
                                            std::ostream& err) const {
  if (check_->parsed()) return Check(data_dir, out, err);
  if (backup_->parsed()) return MakeBackup(data_dir, out, err);
  return std::nullopt;
}

int MaintenanceCommands::Check(const std::string& data_dir, std::ostream& out,
                               std::ostream& err) const {
  const absl::StatusOr<CheckReport> report =
      file_.empty() ? CheckDataDir(data_dir) : CheckFile(file_);
  if (!report.ok()) {
    err << "master check: " << report.status().message() << "\n";
    return kExitFailed;
  }
  for (const std::string& line : report->looked_at) out << line << "\n";
  for (const std::string& line : report->notes) out << "note: " << line << "\n";
  for (const std::string& line : report->damage) out << "DAMAGED: " << line << "\n";
  if (!report->damage.empty()) {
    out << "Restore a backup: docs/operations.md, \"Backup and restore\".\n";
    return kExitFailed;
  }
  out << "All is sound.\n";
  return kExitOk;
}

int MaintenanceCommands::MakeBackup(const std::string& data_dir, std::ostream& out,
                                    std::ostream& err) const {
  const absl::StatusOr<BackupReport> report = BackUp(data_dir, to_);
  if (!report.ok()) {
    err << "master backup: " << report.status().message() << "\n";
    return kExitFailed;
  }
  out << to_ << ": " << report->batches << " batches, " << report->bytes << " bytes\n";
  return kExitOk;
}

}  // namespace tarea
