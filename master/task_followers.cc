#include "master/task_followers.h"

#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tarea {

// --- One who follows
// -------------------------------------------------------------------------------------

TaskFollowers::Follower::~Follower() {
  absl::MutexLock lock(&owner_->mu_);
  owner_->count_--;
  entry_->followers.erase(this);
  if (entry_->followers.empty()) owner_->entries_.erase(entry_->task);
}

TaskFollowers::News TaskFollowers::Follower::Take(size_t max_bytes) {
  absl::MutexLock lock(&owner_->mu_);
  if (run_ != entry_->run && (run_ == nullptr || Drained(*run_, position_))) {
    run_ = entry_->run;
    position_ = run_->lease == resume_lease_ ? resume_offsets_ : OutputOffsets();
    told_caught_up_ = false;
  }
  News news;
  if (run_ == nullptr) return news;
  news.lease_id = run_->lease;
  news.attempt = run_->attempt;
  news.chunks = run_->output.Read(position_, max_bytes);
  news.drained = run_ == entry_->run && Drained(*run_, position_);
  news.caught_up = news.drained && CaughtUp(*run_, position_);
  told_caught_up_ = news.caught_up;
  return news;
}

bool TaskFollowers::Follower::Await(absl::Duration timeout) {
  absl::MutexLock lock(&owner_->mu_);
  while (!changed_ && !HasNews(*this) && !owner_->shutdown_) {
    if (owner_->clock_->Wait(wake_, owner_->mu_, timeout)) break;
  }
  return std::exchange(changed_, false);
}

bool TaskFollowers::HasNews(const Follower& follower) {
  if (follower.run_ != follower.entry_->run) return true;
  if (follower.run_ == nullptr) return false;
  return !Drained(*follower.run_, follower.position_) ||
         (!follower.told_caught_up_ && CaughtUp(*follower.run_, follower.position_));
}

bool TaskFollowers::Drained(const Run& run, OutputOffsets position) {
  return run.output.Read(position, 1).empty();
}

bool TaskFollowers::CaughtUp(const Run& run, const OutputOffsets& position) {
  bool all = run.heard;
  for (const OutputStream stream : {OutputStream::kStdout, OutputStream::kStderr}) {
    all = all && position[stream] >= run.sizes[stream];
  }
  return all;
}

absl::StatusOr<std::unique_ptr<TaskFollowers::Follower>> TaskFollowers::Add(TaskId task,
                                                                            BatchId batch,
                                                                            LeaseId lease,
                                                                            OutputOffsets offsets) {
  absl::MutexLock lock(&mu_);
  if (shutdown_) return absl::UnavailableError("the master is shutting down");
  if (count_ >= max_followers_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(count_, " clients are following tasks already; the limit is ", max_followers_,
                     " (--max-followers); try again later"));
  }
  std::unique_ptr<Entry>& entry = entries_[task];
  if (entry == nullptr) {
    entry = std::make_unique<Entry>();
    entry->task = task;
    entry->batch = batch;
  }
  std::unique_ptr<Follower> follower =
      absl::WrapUnique(new Follower(this, entry.get(), lease, offsets));
  count_++;
  entry->followers.insert(follower.get());
  return follower;
}

// --- What becomes of tasks
// -------------------------------------------------------------------------------

TaskFollowers::Entry* TaskFollowers::Find(TaskId task) {
  const auto it = entries_.find(task);
  return it == entries_.end() ? nullptr : it->second.get();
}

void TaskFollowers::Wake(Entry& entry, bool changed) {
  for (Follower* follower : entry.followers) {
    follower->changed_ = follower->changed_ || changed;
    clock_->WakeAll(follower->wake_);
  }
}

bool TaskFollowers::SetRun(Entry& entry, LeaseId lease, int attempt, const std::string& worker) {
  // Lease ids grow: what was read before a claim must not undo it.
  if (entry.run != nullptr && lease < entry.run->lease) return false;
  entry.worker = worker;
  if (entry.run != nullptr && lease == entry.run->lease) return false;
  entry.run = std::make_shared<Run>(lease, attempt, max_output_);
  entry.progress.reset();
  Wake(entry, true);
  return true;
}

bool TaskFollowers::Saw(const TaskCore& task) {
  absl::MutexLock lock(&mu_);
  Entry* const entry = Find(task.id);
  if (entry == nullptr) return false;
  if (task.state != TaskState::kRunning) {
    entry->worker.clear();
    return false;
  }
  return SetRun(*entry, task.lease_id, task.attempt, task.worker);
}

bool TaskFollowers::Claimed(const std::string& worker, const std::vector<LeasedTask>& tasks) {
  absl::MutexLock lock(&mu_);
  if (entries_.empty()) return false;
  bool news = false;
  for (const LeasedTask& task : tasks) {
    Entry* const entry = Find(task.task_id);
    if (entry == nullptr) continue;
    if (SetRun(*entry, task.lease_id, task.attempt, worker)) news = true;
  }
  return news;
}

void TaskFollowers::Changed(const absl::btree_set<BatchId>& batches) {
  absl::MutexLock lock(&mu_);
  for (const auto& [task, entry] : entries_) {
    if (batches.contains(entry->batch)) Wake(*entry, true);
  }
}

// --- What workers say
// ------------------------------------------------------------------------------------

void TaskFollowers::WroteLocked(const Lease& lease, const TaskOutput& output) {
  Entry* const entry = Find(lease.task_id);
  if (entry == nullptr || entry->run == nullptr || entry->run->lease != lease.lease_id) return;
  if (!entry->worker.empty() && !lease.worker.empty() && entry->worker != lease.worker) return;
  Run& run = *entry->run;
  for (const OutputChunk& chunk : output.chunks) {
    run.output.AppendAt(chunk.stream, chunk.offset, chunk.data);
  }
  run.sizes = output.sizes;
  run.heard = true;
  Wake(*entry, false);
}

void TaskFollowers::Wrote(const Lease& lease, const TaskOutput& output) {
  absl::MutexLock lock(&mu_);
  WroteLocked(lease, output);
}

void TaskFollowers::Heard(const std::vector<HeldLease>& held) {
  absl::MutexLock lock(&mu_);
  if (entries_.empty()) return;
  for (const HeldLease& task : held) {
    if (!task.output.has_value()) continue;
    WroteLocked(task.lease, *task.output);
    Entry* const entry = Find(task.lease.task_id);
    if (entry == nullptr || !task.progress.has_value() || entry->progress == task.progress) {
      continue;
    }
    if (!task.lease.worker.empty() && entry->worker != task.lease.worker) continue;
    entry->progress = task.progress;
    Wake(*entry, true);
  }
}

// --- What workers have to be told
// ------------------------------------------------------------------------

bool TaskFollowers::IsFollowed(TaskId task) {
  absl::MutexLock lock(&mu_);
  return entries_.contains(task);
}

std::vector<FollowOrder> TaskFollowers::OrdersFor(const std::string& worker) {
  absl::MutexLock lock(&mu_);
  std::vector<FollowOrder> orders;
  for (const auto& [task, entry] : entries_) {
    if (entry->worker != worker) continue;
    entry->run->told = true;
    orders.push_back({.lease_id = entry->run->lease, .offsets = entry->run->output.ends()});
  }
  return orders;
}

TaskFollowers::Parking TaskFollowers::ParkingOf(const std::string& worker,
                                                const std::vector<HeldLease>& held) {
  absl::MutexLock lock(&mu_);
  if (entries_.empty()) return Parking::kLong;
  Parking parking = Parking::kLong;
  for (const auto& [task, entry] : entries_) {
    // One that the worker does not hold yet is on its way to it, or its result is.
    if (entry->worker == worker) parking = Parking::kShort;
  }
  if (parking == Parking::kLong) return parking;
  for (const HeldLease& task : held) {
    Entry* const entry = Find(task.lease.task_id);
    if (entry == nullptr || entry->worker != worker) continue;
    // Once told is enough: a worker that does not know how to would be told without end.
    if (entry->run->lease == task.lease.lease_id && !entry->run->told) return Parking::kNone;
  }
  return parking;
}

void TaskFollowers::Shutdown() {
  absl::MutexLock lock(&mu_);
  shutdown_ = true;
  for (const auto& [task, entry] : entries_) Wake(*entry, false);
}

}  // namespace tarea
