#ifndef TAREA_COMMON_SECRET_FILE_H_
#define TAREA_COMMON_SECRET_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// Files that only their owner may read: keys, tokens, and what is in the data directory.
namespace tarea {

// PERMISSION_DENIED: others may read or change the open file. It tells what to do.
absl::Status CheckSecret(int fd, const std::string& path);

// All of a file, at most 64 KiB.
//   NOT_FOUND           there is none
//   PERMISSION_DENIED   others may read or change it
//   FAILED_PRECONDITION it cannot be read, or is larger
absl::StatusOr<std::string> ReadSecretFile(const std::string& path);

// Makes a directory that only its owner may enter, and those above it as the system does it. One
// that is there stays as it is. PERMISSION_DENIED: it cannot be made.
absl::Status MakePrivateDirectory(const std::string& path);

}  // namespace tarea

#endif  // TAREA_COMMON_SECRET_FILE_H_
