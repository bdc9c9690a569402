#include "master/store/directory_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/secret_file.h"

namespace tarea {

DirectoryLock::~DirectoryLock() {
  if (fd_ >= 0) close(fd_);
}

absl::Status DirectoryLock::Take(const std::string& directory) {
  if (absl::Status status = MakePrivateDirectory(directory); !status.ok()) return status;
  fd_ = open((directory + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd_ < 0) {
    return absl::PermissionDeniedError(
        absl::StrCat("cannot write to the data directory ", directory, ": ",
                     std::generic_category().message(errno),
                     "; make it writable, or name another one with --data-dir"));
  }
  return Lock(directory);
}

absl::Status DirectoryLock::TakeIfThere(const std::string& directory) {
  fd_ = open((directory + "/lock").c_str(), O_RDONLY | O_CLOEXEC);
  return fd_ < 0 ? absl::OkStatus() : Lock(directory);
}

absl::Status DirectoryLock::Lock(const std::string& directory) {
  if (flock(fd_, LOCK_EX | LOCK_NB) == 0) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("the data directory ", directory,
                   " is in use by another master; stop that one, or name another directory with "
                   "--data-dir"));
}

}  // namespace tarea
