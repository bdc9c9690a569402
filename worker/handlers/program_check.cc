#include "worker/handlers/program_check.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

namespace fs = std::filesystem;

// As the kernel: more may be a circle.
constexpr int kMaxLinks = 40;

absl::Status Wrong(const fs::path& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", Printable(path.string()), "' ", why));
}

// Whether the user may run a file, or go through a directory.
bool MayEnter(const struct stat& stat, const ProcessUser& user) {
  if (user.uid == 0) return S_ISDIR(stat.st_mode) || (stat.st_mode & 0111) != 0;
  if (user.uid == stat.st_uid) return (stat.st_mode & S_IXUSR) != 0;
  const gid_t* const end = user.groups + user.group_count;
  if (user.gid == stat.st_gid || std::find(user.groups, end, stat.st_gid) != end) {
    return (stat.st_mode & S_IXGRP) != 0;
  }
  return (stat.st_mode & S_IXOTH) != 0;
}

// What is at `path` itself, without following a link.
absl::Status Look(const fs::path& path, struct stat& stat) {
  if (lstat(path.c_str(), &stat) == 0) return absl::OkStatus();
  return Wrong(path,
               absl::StrCat("cannot be looked at: ", absl::ErrnoToStatus(errno, "").message()));
}

absl::Status CheckOwner(const fs::path& path, const struct stat& stat, const ProcessUser& user) {
  const bool is_ours = stat.st_uid == 0 || stat.st_uid == geteuid();
  if (!is_ours || (user.change && user.uid != 0 && stat.st_uid == user.uid)) {
    return Wrong(path, absl::StrCat("belongs to user ", stat.st_uid,
                                    ", who could put something else in its place; it must be "
                                    "root's or the worker's"));
  }
  // In a directory with the sticky bit nobody can replace what is another's.
  const bool is_shared = S_ISDIR(stat.st_mode) && (stat.st_mode & S_ISVTX) != 0;
  if (S_ISLNK(stat.st_mode) || is_shared || (stat.st_mode & S_IWOTH) == 0) return absl::OkStatus();
  return Wrong(path,
               "can be changed by everybody, who could put something else there; take that "
               "away with chmod o-w");
}

absl::Status CheckDirectories(const fs::path& directory, const ProcessUser& user) {
  for (fs::path path = directory;; path = path.parent_path()) {
    struct stat stat;
    absl::Status status = Look(path, stat);
    if (status.ok()) status = CheckOwner(path, stat, user);
    if (!status.ok() || path == path.root_path()) return status;
  }
}

// Where a link leads.
absl::StatusOr<fs::path> Follow(const fs::path& link) {
  std::error_code error;
  const fs::path target = fs::read_symlink(link, error);
  if (error) return Wrong(link, absl::StrCat("cannot be read: ", error.message()));
  return target.is_absolute() ? target : link.parent_path() / target;
}

}  // namespace

absl::Status CheckReachable(const std::string& directory, const ProcessUser& user) {
  std::error_code error;
  const fs::path whole = fs::canonical(directory, error);
  if (error) return Wrong(directory, absl::StrCat("cannot be looked at: ", error.message()));
  for (fs::path path = whole;; path = path.parent_path()) {
    struct stat stat;
    if (absl::Status status = Look(path, stat); !status.ok()) return status;
    if (user.change && !MayEnter(stat, user)) {
      return Wrong(path, absl::StrCat("cannot be entered by user ", user.uid,
                                      " (--exec-user); chmod o+x allows it"));
    }
    if (path == path.root_path()) return absl::OkStatus();
  }
}

absl::Status CheckProgram(const std::string& path, const ProcessUser& user) {
  fs::path at = path;
  for (int links = 0; links < kMaxLinks; ++links) {
    std::error_code error;
    const fs::path directory = fs::canonical(at.parent_path(), error);
    if (error) return Wrong(at, absl::StrCat("cannot be looked at: ", error.message()));
    at = directory / at.filename();
    struct stat stat;
    absl::Status status = Look(at, stat);
    if (status.ok()) status = CheckOwner(at, stat, user);
    if (status.ok()) status = CheckDirectories(directory, user);
    if (status.ok()) status = CheckReachable(directory.string(), user);
    if (!status.ok()) return status;
    if (!S_ISLNK(stat.st_mode)) {
      const bool may = user.change ? MayEnter(stat, user) : access(at.c_str(), X_OK) == 0;
      if (S_ISREG(stat.st_mode) && may) return absl::OkStatus();
      return Wrong(at, "is no program that the user of commands may run");
    }
    absl::StatusOr<fs::path> target = Follow(at);
    if (!target.ok()) return target.status();
    at = *std::move(target);
  }
  return Wrong(path, "is a circle of links");
}

}  // namespace tarea
