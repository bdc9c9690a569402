#include "worker/handlers/task_directories.h"

#include <errno.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

namespace fs = std::filesystem;

constexpr absl::string_view kOwnPrefix = "tarea-exec-";

// The lock of a worker's directory; not valid if somebody holds it, or if there is none.
UniqueFd Lock(const std::string& path) {
  UniqueFd fd(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat stat;
  if (!fd.valid() || fstat(fd.get(), &stat) != 0 || stat.st_uid != geteuid() ||
      flock(fd.get(), LOCK_EX | LOCK_NB) != 0 ||
      // Removed between the opening and the locking.
      fstat(fd.get(), &stat) != 0 || stat.st_nlink == 0) {
    return UniqueFd();
  }
  return fd;
}

void RemoveLeftovers(const std::string& parent) {
  std::vector<std::string> found;
  std::error_code error;
  for (fs::directory_iterator it(parent, error), end; !error && it != end; it.increment(error)) {
    if (absl::StartsWith(it->path().filename().string(), kOwnPrefix)) {
      found.push_back(it->path().string());
    }
  }
  for (const std::string& path : found) {
    const UniqueFd lock = Lock(path);
    if (!lock.valid()) continue;
    spdlog::info("removing {}, which a worker that has died left behind", Printable(path));
    RemoveTree(path);
  }
}

void AllowRemoval(const fs::path& directory) {
  std::error_code error;
  fs::permissions(directory, fs::perms::owner_all, fs::perm_options::add, error);
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->symlink_status(ignored).type() == fs::file_type::directory) AllowRemoval(it->path());
  }
}

// mkdtemp with an error that says what to do.
absl::StatusOr<std::string> MakeDirectory(std::string path) {
  if (mkdtemp(path.data()) != nullptr) return path;
  const int error = errno;
  return absl::ErrnoToStatus(
      error, absl::StrCat("cannot make a directory for the task in '",
                          fs::path(path).parent_path().string(), "' (worker --exec-dir)"));
}

}  // namespace

TaskDirectories::TaskDirectories(std::string parent, const ProcessUser& user)
    : parent_(std::move(parent)), user_(user) {
  RemoveLeftovers(parent_);
}

TaskDirectories::~TaskDirectories() {
  absl::MutexLock lock(&mu_);
  if (!own_.empty()) RemoveTree(own_);
}

absl::StatusOr<std::string> TaskDirectories::Make(int64_t task_id) {
  std::string own;
  {
    absl::MutexLock lock(&mu_);
    if (own_.empty()) {
      if (absl::Status status = MakeOwn(); !status.ok()) return status;
    }
    own = own_;
  }
  absl::StatusOr<std::string> path = MakeDirectory(absl::StrCat(own, "/task-", task_id, "-XXXXXX"));
  if (path.ok() && user_.change && chown(path->c_str(), user_.uid, user_.gid) != 0) {
    const int error = errno;
    rmdir(path->c_str());
    return absl::ErrnoToStatus(error, "cannot give a task's directory to its user");
  }
  return path;
}

absl::Status TaskDirectories::MakeOwn() {
  // A worker that starts at this moment may take it for a leftover before it is locked.
  for (int tries = 0; tries < 10; ++tries) {
    absl::StatusOr<std::string> path =
        MakeDirectory(absl::StrCat(parent_, "/", kOwnPrefix, getpid(), "-XXXXXX"));
    if (!path.ok()) return path.status();
    lock_ = Lock(*path);
    if (!lock_.valid()) continue;
    // Through it, but no look around.
    if (user_.change && chmod(path->c_str(), 0711) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("cannot open up '", *path, "'"));
    }
    own_ = *std::move(path);
    return absl::OkStatus();
  }
  return absl::UnavailableError(
      absl::StrCat("cannot lock a directory in '", parent_, "' (worker --exec-dir)"));
}

void RemoveTree(const std::string& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error == std::errc::permission_denied) {
    AllowRemoval(path);
    fs::remove_all(path, error);
  }
  if (error) spdlog::warn("cannot remove {}: {}", Printable(path), error.message());
}

}  // namespace tarea
