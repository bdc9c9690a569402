#ifndef TAREA_MASTER_STORE_DISK_RESERVE_H_
#define TAREA_MASTER_STORE_DISK_RESERVE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"

namespace tarea {

// Keeps some of a disk for what was accepted already: on a disk that runs full new tasks are
// refused first, so that the results of those that run still find room. Thread-safe.
class DiskReserve {
 public:
  // `bytes` of the disk on which `directory` is; 0 keeps none.
  DiskReserve(std::string directory, int64_t bytes)
      : directory_(std::move(directory)), bytes_(bytes) {}

  // RESOURCE_EXHAUSTED: no more than the reserve is free.
  absl::Status Check() const;

 private:
  const std::string directory_;
  const int64_t bytes_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_DISK_RESERVE_H_
