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

GroupCommit::GroupCommit(Store* store, Clock* clock, std::function<void(const Effects&)> on_commit,
                         std::function<void(const absl::Status&)> on_broken)
    : store_(store),
      clock_(clock),
      on_commit_(std::move(on_commit)),
      on_broken_(std::move(on_broken)) {}

absl::Status GroupCommit::Run(Sync sync, Operation operation) {
  Writer self(sync, operation);
  if (AwaitTurn(self)) {
    const Group group = TakeGroup(self);
    WriteGroup(group);
    PassTurn();
    Group unsynced;
    for (Writer* writer : group) {
      if (writer->sync == Sync::kNow && writer->status.ok()) {
        unsynced.push_back(writer);
      } else if (writer != &self) {
        writer->done = true;
        Tell(*writer);
      }
    }
    if (!unsynced.empty()) SyncGroup(unsynced);
    for (Writer* writer : unsynced) {
      if (writer == &self) continue;
      writer->done = true;
      Tell(*writer);
    }
  }
  running_--;
  return self.status;
}

bool GroupCommit::AwaitTurn(Writer& self) {
  {
    absl::MutexLock lock(&mu_);
    // Here, so that whoever is counted is in the queue.
    running_++;
    if (!writing_) {
      writing_ = true;
      return true;
    }
    waiting_.push_back(&self);
  }
  absl::MutexLock lock(&self.mu);
  while (!self.told) clock_->Wait(self.wake, self.mu, absl::InfiniteDuration());
  return !self.done;
}

void GroupCommit::Tell(Writer& writer) {
  absl::MutexLock lock(&writer.mu);
  writer.told = true;
  clock_->WakeAll(writer.wake);
}

GroupCommit::Group GroupCommit::TakeGroup(Writer& self) {
  absl::MutexLock lock(&mu_);
  const auto end =
      waiting_.begin() + static_cast<std::ptrdiff_t>(std::min(waiting_.size(), kMaxGroup - 1));
  Group group = {&self};
  group.insert(group.end(), waiting_.begin(), end);
  waiting_.erase(waiting_.begin(), end);
  for (Writer* writer : group) writer->status = broken_;
  return group;
}

void GroupCommit::PassTurn() {
  Writer* next = nullptr;
  {
    absl::MutexLock lock(&mu_);
    writing_ = !waiting_.empty();
    if (!writing_) return;
    next = waiting_.front();
    waiting_.pop_front();
  }
  Tell(*next);
}

void GroupCommit::SyncGroup(const Group& group) {
  absl::Status status = store_->MakeDurable();
  if (!status.ok()) status = Break(status);
  for (Writer* writer : group) writer->status = status;
}

void GroupCommit::WriteGroup(const Group& group) {
  if (!group.front()->status.ok()) return;  // broken, for all of them
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
  const absl::Status broken = Break(status);
  for (Writer* writer : group) writer->status = broken;
}

absl::Status GroupCommit::Break(const absl::Status& why) {
  {
    absl::MutexLock lock(&mu_);
    if (!broken_.ok()) return broken_;
    // Whether the last commit is on the disk is not known, and an fsync that failed must not be
    // tried again: the kernel may have dropped the pages and would call the next one a success.
    broken_ = absl::UnavailableError(absl::StrCat(
        "the store takes no more writes, the master has to be restarted: ", why.message()));
  }
  on_broken_(why);
  absl::MutexLock lock(&mu_);
  return broken_;
}

absl::Status GroupCommit::RunTransaction(const Group& group) {
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
