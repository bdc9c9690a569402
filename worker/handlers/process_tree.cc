#include "worker/handlers/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>

#include "absl/strings/string_view.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {
namespace {

// A short path, put together without malloc.
class Path {
 public:
  Path& operator<<(absl::string_view text) {
    if (text.size() < sizeof(text_) - size_) {
      memcpy(text_ + size_, text.data(), text.size());
      size_ += text.size();
    }
    return *this;
  }
  Path& operator<<(pid_t pid) {
    char digits[16];
    const auto end = std::to_chars(digits, digits + sizeof(digits), pid).ptr;
    return *this << absl::string_view(digits, end - digits);
  }
  const char* c_str() const { return text_; }

 private:
  char text_[64] = {};
  size_t size_ = 0;
};

// The wrappers of glibc 2.36 are not declared for C++.
int OpenPidfd(pid_t pid) { return static_cast<int>(syscall(SYS_pidfd_open, pid, 0)); }

// The process that had `pid` when this object was made. It does not follow the number to a later
// process.
class PinnedProcess {
 public:
  explicit PinnedProcess(pid_t pid) : fd_(OpenPidfd(pid)) {
    if (fd_.valid()) ReadStat(pid);
  }

  // Whether it is a child of `parent` or, if that has died, of the calling process.
  bool IsChildOf(pid_t parent) const {
    return parent_ != 0 && (parent_ == parent || parent_ == getpid());
  }
  // 0 if it is unknown.
  pid_t group() const { return group_; }
  void Signal(int signal) const { syscall(SYS_pidfd_send_signal, fd_.get(), signal, nullptr, 0); }

 private:
  // "17 (name) S 1 17 ...": state, parent, group. The name may be anything, ") R 1" for instance.
  void ReadStat(pid_t pid) {
    Path path;
    path << "/proc/" << pid << "/stat";
    const UniqueFd file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char text[512];
    const ssize_t size = read(file.get(), text, sizeof(text));
    if (size <= 0) return;
    const char* end = text + size;
    const void* name_end = memrchr(text, ')', size);
    if (name_end == nullptr) return;
    const char* at = static_cast<const char*>(name_end) + 4;
    if (at >= end) return;
    const auto parent = std::from_chars(at, end, parent_);
    if (parent.ptr < end) std::from_chars(parent.ptr + 1, end, group_);
  }

  const UniqueFd fd_;
  pid_t parent_ = 0;
  pid_t group_ = 0;
};

}  // namespace

ProcessTree::ProcessTree() : found_(std::make_unique_for_overwrite<Process[]>(kMaxProcesses)) {}

bool ProcessTree::Supported() { return access("/proc/thread-self/children", R_OK) == 0; }

void ProcessTree::Terminate(pid_t group) {
  // Some programs take a second SIGTERM for an order to hurry, so nobody gets two.
  const bool by_group = kill(-group, SIGTERM) == 0;
  if (by_group) kill(-group, SIGCONT);
  Collect();
  for (int i = 0; i < count_; ++i) {
    const PinnedProcess process(found_[i].pid);
    if (!process.IsChildOf(found_[i].parent)) continue;
    if (by_group && process.group() == group) continue;
    process.Signal(SIGTERM);
    process.Signal(SIGCONT);
  }
}

void ProcessTree::Kill() {
  Collect();
  pid_t last_group = 0;
  for (int i = 0; i < count_; ++i) {
    const PinnedProcess process(found_[i].pid);
    if (!process.IsChildOf(found_[i].parent)) continue;
    process.Signal(SIGKILL);
    const pid_t group = process.group();
    // 0 and 1 would mean the caller's group and every process there is.
    if (group <= 1 || group == getpgrp() || group == last_group) continue;
    kill(-group, SIGKILL);
    last_group = group;
  }
}

void ProcessTree::Collect() {
  count_ = 0;
  AddChildrenOf(getpid());
  for (int i = 0; i < count_; ++i) AddChildrenOf(found_[i].pid);
}

// Children are listed by the thread that made them.
void ProcessTree::AddChildrenOf(pid_t parent) {
  Path path;
  path << "/proc/" << parent << "/task";
  const UniqueFd threads(open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!threads.valid()) return;
  alignas(dirent64) char entries[4096];
  ssize_t size = 0;
  while ((size = getdents64(threads.get(), entries, sizeof(entries))) > 0) {
    for (ssize_t at = 0; at < size;) {
      const auto* entry = reinterpret_cast<const dirent64*>(entries + at);
      at += entry->d_reclen;
      if (entry->d_name[0] == '.') continue;
      Path children;
      children << entry->d_name << "/children";
      const UniqueFd file(openat(threads.get(), children.c_str(), O_RDONLY | O_CLOEXEC));
      if (file.valid()) AddChildrenOf(parent, file.get());
    }
  }
}

// "17 18 19 ", in pieces that may end within a number.
void ProcessTree::AddChildrenOf(pid_t parent, int children_fd) {
  char text[1024];
  pid_t pid = 0;
  ssize_t size = 0;
  while ((size = read(children_fd, text, sizeof(text))) > 0) {
    for (const char c : absl::string_view(text, size)) {
      if (c >= '0' && c <= '9') {
        pid = pid * 10 + (c - '0');
      } else if (pid != 0) {
        if (count_ < kMaxProcesses) found_[count_++] = {pid, parent};
        pid = 0;
      }
    }
  }
}

}  // namespace tarea
