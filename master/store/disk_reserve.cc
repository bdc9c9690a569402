#include "master/store/disk_reserve.h"

#include <sys/statvfs.h>

#include "absl/strings/str_cat.h"

namespace tarea {

absl::Status DiskReserve::Check() const {
  if (bytes_ == 0) return absl::OkStatus();
  struct statvfs disk = {};
  // Whatever keeps it from telling, the write itself finds out about.
  if (statvfs(directory_.c_str(), &disk) != 0) return absl::OkStatus();
  const auto free = static_cast<int64_t>(disk.f_bavail * disk.f_frsize);
  if (free > bytes_) return absl::OkStatus();
  return absl::ResourceExhaustedError(
      absl::StrCat("the disk of ", directory_, " has ", free, " bytes left, and ", bytes_,
                   " are kept for results (--disk-reserve); make space there, or try again later"));
}

}  // namespace tarea
