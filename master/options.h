#ifndef TAREA_MASTER_OPTIONS_H_
#define TAREA_MASTER_OPTIONS_H_

#include <string>

#include "common/cli_fwd.h"
#include "common/logging.h"
#include "common/tls.h"
#include "master/dispatcher.h"
#include "master/limits.h"
#include "master/security/audit_log.h"
#include "master/server_limits.h"
#include "master/store/store.h"

namespace tarea {

// All that can be set on a master.
struct MasterOptions {
  std::string listen = "127.0.0.1:50051";
  bool insecure = false;
  TlsOptions tls;
  bool tokens = false;
  AuditOptions audit;
  std::string port_file;
  std::string data_dir = DefaultDataDir();
  std::string store = "sqlite";
  std::string durability = "fsync";
  ServerLimits server_limits;
  int64_t disk_reserve = int64_t{64} << 20;  // bytes; with sqlite only
  Limits limits;
  StoreLimits store_limits;
  DispatcherOptions dispatcher;
  LogOptions log;

  // systemd's STATE_DIRECTORY, else $XDG_STATE_HOME/tarea, else ~/.local/state/tarea.
  static std::string DefaultDataDir();
};

// Adds the flags of a master. `options` must outlive `app`.
void AddMasterFlags(CLI::App& app, MasterOptions& options);

// INVALID_ARGUMENT: values that do not go together or make no sense.
absl::Status CheckOptions(const MasterOptions& options);

}  // namespace tarea

#endif  // TAREA_MASTER_OPTIONS_H_
