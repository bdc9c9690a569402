#include "master/group_commit.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

// Bounds how long the first of a group waits for the last.
constexpr size_t kMaxGroup = 1024;

}  // namespace

GroupCommit::GroupCommit(Store* store, std::function<void(const Effects&)> on_commit,
                         std::function<void(const absl::Status&)> on_broken)
    : store_(store), on_commit_(std::move(on_commit)), on_broken_(std::move(on_broken)) {}

absl::Status GroupCommit::Run(Sync sync, Operation operation) {
  Writer self{sync, operation, absl::OkStatus(), false, {}};
  std::vector<Writer*> group;
  {
    absl::MutexLock lock(&mu_);
    writers_.push_back(&self);
    while (!self.done && writers_.front() != &self) self.wake.Wait(&mu_);
    if (self.done) return self.status;
    group.assign(writers_.begin(), writers_.begin() + static_cast<std::ptrdiff_t>(
                                                          std::min(writers_.size(), kMaxGroup)));
  }

  RunGroup(group);  // the lock is free: others line up behind

  absl::MutexLock lock(&mu_);
  writers_.erase(writers_.begin(), writers_.begin() + static_cast<std::ptrdiff_t>(group.size()));
  for (Writer* writer : group) {
    writer->done = true;
    if (writer != &self) writer->wake.Signal();
  }
  if (!writers_.empty()) writers_.front()->wake.Signal();
  return self.status;
}

int GroupCommit::waiting() {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(writers_.size());
}

void GroupCommit::RunGroup(const std::vector<Writer*>& group) {
  if (!broken_.ok()) {
    for (Writer* writer : group) writer->status = broken_;
    return;
  }
  absl::Status status = RunTransaction(group);
  if (absl::IsResourceExhausted(status) && group.size() > 1) {
    // The disk is full for all of them together; some may still fit, above all results.
    for (Writer* writer : group) {
      status = RunTransaction({writer});
      if (!status.ok()) writer->status = status;
      if (!status.ok() && !absl::IsResourceExhausted(status)) break;
    }
  } else if (!status.ok()) {
    for (Writer* writer : group) writer->status = status;
  }
  if (status.ok() || absl::IsResourceExhausted(status)) return;

  // Whether the last commit is on the disk is not known, and an fsync that failed must not be tried
  // again: the kernel may have dropped the pages and would call the next one a success.
  broken_ = absl::UnavailableError(absl::StrCat(
      "the store takes no more writes, the master has to be restarted: ", status.message()));
  for (Writer* writer : group) writer->status = broken_;
  on_broken_(status);
}

absl::Status GroupCommit::RunTransaction(const std::vector<Writer*>& group) {
  const bool now = std::any_of(group.begin(), group.end(),
                               [](const Writer* writer) { return writer->sync == Sync::kNow; });
  const std::unique_ptr<Store::Transaction> transaction =
      store_->Begin(now ? Sync::kNow : Sync::kLater);
  for (Writer* writer : group) writer->status = writer->operation(*transaction);
  if (const absl::Status status = transaction->Commit(); !status.ok()) return status;
  on_commit_(transaction->effects());
  return absl::OkStatus();
}

}  // namespace tarea
