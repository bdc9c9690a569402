#ifndef TAREA_MASTER_STORE_DIRECTORY_LOCK_H_
#define TAREA_MASTER_STORE_DIRECTORY_LOCK_H_

#include <string>

#include "absl/status/status.h"

namespace tarea {

// What keeps a data directory to one master: the file `lock` in it, locked for as long as this
// object lives, or until the process ends in whatever way. Not thread-safe.
class DirectoryLock {
 public:
  DirectoryLock() = default;
  DirectoryLock(const DirectoryLock&) = delete;
  DirectoryLock& operator=(const DirectoryLock&) = delete;
  ~DirectoryLock();

  // Makes the directory and the file if they are not there. PERMISSION_DENIED: cannot.
  // FAILED_PRECONDITION: somebody has it.
  absl::Status Take(const std::string& directory);

  // Makes nothing: without the file there is nobody who could have it, and that is OK, too.
  // FAILED_PRECONDITION: somebody has it.
  absl::Status TakeIfThere(const std::string& directory);

 private:
  absl::Status Lock(const std::string& directory);

  int fd_ = -1;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_DIRECTORY_LOCK_H_
