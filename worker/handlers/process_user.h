#ifndef TAREA_WORKER_HANDLERS_PROCESS_USER_H_
#define TAREA_WORKER_HANDLERS_PROCESS_USER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"

namespace tarea {

// Whom a process runs as. Plain data, so that it can go through a socket.
struct ProcessUser {
  // No user of a system is in more; Linux allows 65,536.
  static constexpr uint32_t kMaxGroups = 64;

  bool change = false;  // else it stays who it is
  uid_t uid = 0;
  gid_t gid = 0;
  uint32_t group_count = 0;
  gid_t groups[kMaxGroups] = {};
};

// One of the system's users.
struct SystemUser {
  ProcessUser process;
  std::string name;
  std::string home;
  std::string shell;
};

// By name or number. NOT_FOUND if there is none, FAILED_PRECONDITION if it is in too many groups,
// or whatever kept the system from looking.
absl::StatusOr<SystemUser> FindUser(const std::string& name);

// Makes the calling process that user's, for good. False and errno if the system refuses.
// Async-signal-safe; changes the calling thread only.
bool Become(const ProcessUser& user);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_PROCESS_USER_H_
