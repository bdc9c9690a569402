#include "worker/handlers/process_user.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxEntryBytes = 64 << 10;

absl::StatusOr<SystemUser> Read(const std::string& name) {
  std::vector<char> buffer(kMaxEntryBytes);
  passwd entry;
  passwd* found = nullptr;
  int error = getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (uid_t uid = 0; found == nullptr && absl::SimpleAtoi(name, &uid)) {
    error = getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  }
  if (found == nullptr) {
    // Some libraries say "not found" with an error.
    if (error == 0 || error == ENOENT || error == ESRCH) {
      return absl::NotFoundError(
          absl::StrCat("this system has no user '", Printable(name), "' (getent passwd)"));
    }
    return absl::ErrnoToStatus(error, absl::StrCat("cannot look up user '", Printable(name), "'"));
  }
  SystemUser user = {
      .process = {}, .name = found->pw_name, .home = found->pw_dir, .shell = found->pw_shell};
  user.process.uid = found->pw_uid;
  user.process.gid = found->pw_gid;
  return user;
}

}  // namespace

absl::StatusOr<SystemUser> FindUser(const std::string& name) {
  absl::StatusOr<SystemUser> user = Read(name);
  if (!user.ok()) return user;
  ProcessUser& process = user->process;
  process.change = true;
  int count = ProcessUser::kMaxGroups;
  if (getgrouplist(user->name.c_str(), process.gid, process.groups, &count) < 0) {
    return absl::FailedPreconditionError(absl::StrCat("user '", Printable(name), "' is in ", count,
                                                      " groups; a command can be in ",
                                                      ProcessUser::kMaxGroups));
  }
  process.group_count = static_cast<uint32_t>(count);
  return user;
}

// The functions of the C library would have all threads of the process change, with a signal.
bool Become(const ProcessUser& user) {
  if (!user.change) return true;
  return syscall(SYS_setgroups, user.group_count, user.groups) == 0 &&
         syscall(SYS_setresgid, user.gid, user.gid, user.gid) == 0 &&
         syscall(SYS_setresuid, user.uid, user.uid, user.uid) == 0;
}

}  // namespace tarea
