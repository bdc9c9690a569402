#ifndef TAREA_TESTS_SUPPORT_SMALL_DISK_H_
#define TAREA_TESTS_SUPPORT_SMALL_DISK_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"

namespace tarea {

// Puts this process into a mount namespace of its own, so that what it mounts is gone with it and
// its children. Call it while there is one thread. As root, or in a user namespace where the kernel
// lets anybody have one; otherwise an error says why not.
absl::Status EnterMountNamespace();

// A small disk of its own, in memory, that can be filled up.
class SmallDisk {
 public:
  SmallDisk() = default;
  // Takes it away, with all that is on it.
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  SmallDisk& operator=(const SmallDisk&) = delete;

  // Mounts it on `directory`, which must exist; needs EnterMountNamespace.
  absl::Status Mount(const std::string& directory, int64_t bytes);

  // Takes all the space there is.
  absl::Status Fill();
  // Gives it back.
  void Free();

 private:
  std::string directory_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_SMALL_DISK_H_
