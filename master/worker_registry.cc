#include "master/worker_registry.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {

std::shared_ptr<WorkerRegistry::Entry> WorkerRegistry::Find(const std::string& worker) {
  const auto it = workers_.find(worker);
  return it == workers_.end() ? nullptr : it->second;
}

absl::Status WorkerRegistry::CheckOwner(const Entry& entry, const WorkerIdentity& worker) {
  if (entry.identity.owner == worker.owner) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat("the worker '", Printable(worker.id, 128),
                                                  "' is not one of '", Printable(worker.owner, 64),
                                                  "'; each worker process needs an id of its own"));
}

absl::Status WorkerRegistry::Touch(const WorkerIdentity& worker, absl::Time now) {
  absl::MutexLock lock(&mu_);
  std::shared_ptr<Entry> entry = Find(worker.id);
  if (entry == nullptr) {
    if (Present() >= max_workers_) {
      return absl::ResourceExhaustedError(
          absl::StrCat(Present(), " workers are connected already; the limit is ", max_workers_,
                       " (--max-workers); try again later"));
    }
    entry = std::make_shared<Entry>();
    entry->identity = worker;
    workers_[worker.id] = entry;
  }
  if (absl::Status status = CheckOwner(*entry, worker); !status.ok()) return status;
  entry->identity = worker;
  entry->last_seen = now;
  return absl::OkStatus();
}

void WorkerRegistry::Saw(const std::string& worker, absl::Time now) {
  absl::MutexLock lock(&mu_);
  if (const std::shared_ptr<Entry> entry = Find(worker)) entry->last_seen = now;
}

void WorkerRegistry::SetInterests(const std::string& worker, const std::vector<std::string>& queues,
                                  const std::vector<std::string>& types) {
  absl::MutexLock lock(&mu_);
  if (const std::shared_ptr<Entry> entry = Find(worker)) {
    entry->queues = queues;
    entry->types = types;
  }
}

void WorkerRegistry::SetDraining(const std::string& worker) {
  absl::MutexLock lock(&mu_);
  if (const std::shared_ptr<Entry> entry = Find(worker)) entry->draining = true;
}

bool WorkerRegistry::IsDraining(const std::string& worker) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<Entry> entry = Find(worker);
  return entry != nullptr && entry->draining;
}

void WorkerRegistry::SetHeld(const std::string& worker, const std::vector<HeldLease>& held) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<Entry> entry = Find(worker);
  if (entry == nullptr) return;
  entry->held = static_cast<int>(held.size());
  absl::flat_hash_map<TaskId, TaskProgress> progress;
  for (const HeldLease& task : held) {
    const auto known = entry->progress.find(task.lease.task_id);
    if (task.progress.has_value()) {
      progress[task.lease.task_id] = *task.progress;
    } else if (known != entry->progress.end()) {
      progress[task.lease.task_id] = std::move(known->second);
    }
  }
  entry->progress = std::move(progress);
}

void WorkerRegistry::AddHeld(const std::string& worker, int count) {
  absl::MutexLock lock(&mu_);
  if (const std::shared_ptr<Entry> entry = Find(worker)) {
    entry->held = std::max(0, entry->held + count);
  }
}

void WorkerRegistry::Notify(const std::vector<Effects::Notice>& notices) {
  if (notices.empty()) return;
  absl::MutexLock lock(&mu_);
  for (const Effects::Notice& notice : notices) {
    const std::shared_ptr<Entry> entry = Find(notice.worker);
    // One that is not known here learns of it when it renews the lease.
    if (entry == nullptr) continue;
    entry->notices.push_back(notice.stop);
    clock_->WakeAll(entry->wake);
  }
}

void WorkerRegistry::Poke(const std::string& worker) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<Entry> entry = Find(worker);
  if (entry == nullptr) return;
  entry->poked = true;
  clock_->WakeAll(entry->wake);
}

std::vector<Stop> WorkerRegistry::AwaitNotices(const std::string& worker, absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<Entry> entry = Find(worker);
  if (entry == nullptr) return {};
  const int64_t self = ++entry->wait;
  clock_->WakeAll(entry->wake);
  const auto over = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return !entry->notices.empty() || entry->poked || entry->wait != self || entry->left ||
           shutdown_;
  };
  entry->waiting = true;
  while (!over()) {
    if (clock_->Wait(entry->wake, mu_, timeout)) break;
  }
  if (entry->wait != self) return {};
  entry->waiting = false;
  entry->poked = false;
  return std::exchange(entry->notices, {});
}

absl::Status WorkerRegistry::Leave(const WorkerIdentity& worker) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<Entry> entry = Find(worker.id);
  if (entry == nullptr) return absl::OkStatus();
  if (absl::Status status = CheckOwner(*entry, worker); !status.ok()) return status;
  if (!std::exchange(entry->left, true)) ++left_;
  clock_->WakeAll(entry->wake);
  return absl::OkStatus();
}

void WorkerRegistry::ForgetIdle(absl::Time now) {
  absl::MutexLock lock(&mu_);
  absl::erase_if(workers_, [&](const auto& item) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    const Entry& entry = *item.second;
    if (entry.waiting || entry.last_seen + forget_after_ >= now) return false;
    if (entry.left) --left_;
    return true;
  });
}

std::vector<WorkerStatus> WorkerRegistry::List(absl::Time now) {
  std::vector<WorkerStatus> list;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [id, entry] : workers_) {
      if (entry->left) continue;
      list.push_back({entry->identity, entry->queues, entry->types, entry->held,
                      entry->waiting ? absl::ZeroDuration() : now - entry->last_seen,
                      entry->draining});
    }
  }
  std::sort(list.begin(), list.end(), [](const WorkerStatus& a, const WorkerStatus& b) {
    return std::tie(a.identity.name, a.identity.id) < std::tie(b.identity.name, b.identity.id);
  });
  return list;
}

int WorkerRegistry::size() {
  absl::MutexLock lock(&mu_);
  return Present();
}

std::optional<TaskProgress> WorkerRegistry::ProgressOf(const std::string& worker, TaskId task) {
  absl::MutexLock lock(&mu_);
  const std::shared_ptr<Entry> entry = Find(worker);
  if (entry == nullptr) return std::nullopt;
  const auto it = entry->progress.find(task);
  if (it == entry->progress.end()) return std::nullopt;
  return it->second;
}

void WorkerRegistry::Shutdown() {
  absl::MutexLock lock(&mu_);
  shutdown_ = true;
  for (const auto& [id, entry] : workers_) clock_->WakeAll(entry->wake);
}

}  // namespace tarea
