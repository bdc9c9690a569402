#include "tests/support/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <vector>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

absl::Status WriteLine(const std::string& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  file.close();
  return file ? absl::OkStatus() : absl::ErrnoToStatus(errno, absl::StrCat("cannot write ", path));
}

// This user becomes root of a namespace, without any power outside it.
absl::Status EnterUserNamespace() {
  const std::string uid = absl::StrCat("0 ", getuid(), " 1");
  const std::string gid = absl::StrCat("0 ", getgid(), " 1");
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
    return absl::ErrnoToStatus(errno, "no namespace of users and mounts");
  }
  for (const auto& [path, text] :
       {std::pair{"/proc/self/setgroups", std::string("deny")},
        std::pair{"/proc/self/uid_map", uid}, std::pair{"/proc/self/gid_map", gid}}) {
    if (absl::Status status = WriteLine(path, text); !status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterMountNamespace() {
  if (unshare(CLONE_NEWNS) != 0) {
    if (absl::Status status = EnterUserNamespace(); !status.ok()) return status;
  }
  if (mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return absl::ErrnoToStatus(errno, "mounts cannot be made private");
  }
  return absl::OkStatus();
}

SmallDisk::~SmallDisk() {
  if (!directory_.empty()) umount2(directory_.c_str(), MNT_DETACH);
}

absl::Status SmallDisk::Mount(const std::string& directory, int64_t bytes) {
  const std::string options = absl::StrCat("size=", bytes, ",mode=0700");
  if (mount("tarea_test", directory.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("no small disk on ", directory));
  }
  directory_ = directory;
  return absl::OkStatus();
}

absl::Status SmallDisk::Fill() {
  const std::string path = directory_ + "/filler";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return absl::ErrnoToStatus(errno, absl::StrCat("cannot make ", path));
  const std::vector<char> block(size_t{64} << 10, 'x');
  ssize_t size = 0;
  // Large pieces first, then what is left.
  for (size_t piece = block.size(); piece > 0; piece /= 2) {
    do {
      size = write(fd, block.data(), piece);
    } while (size == static_cast<ssize_t>(piece));
  }
  const int why = errno;
  close(fd);
  if (why == ENOSPC) return absl::OkStatus();
  return absl::ErrnoToStatus(why, absl::StrCat("cannot fill ", path));
}

void SmallDisk::Free() { unlink((directory_ + "/filler").c_str()); }

}  // namespace tarea
