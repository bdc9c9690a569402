#include "master/batch_watchers.h"

#include <utility>

#include "absl/memory/memory.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace tarea {

BatchWatchers::Watch::~Watch() {
  absl::MutexLock lock(&owner_->mu_);
  owner_->count_--;
  const auto it = owner_->watches_.find(batch_);
  it->second.erase(this);
  if (it->second.empty()) owner_->watches_.erase(it);
}

bool BatchWatchers::Watch::AwaitChange(absl::Duration timeout) {
  absl::MutexLock lock(&owner_->mu_);
  while (!changed_ && !owner_->shutdown_) {
    if (owner_->clock_->Wait(wake_, owner_->mu_, timeout)) break;
  }
  return std::exchange(changed_, false);
}

absl::StatusOr<std::unique_ptr<BatchWatchers::Watch>> BatchWatchers::Add(BatchId batch) {
  absl::MutexLock lock(&mu_);
  if (shutdown_) return absl::UnavailableError("the master is shutting down");
  if (count_ >= max_watchers_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(count_, " clients are watching batches already; the limit is ", max_watchers_,
                     " (--max-watchers); try again later"));
  }
  std::unique_ptr<Watch> watch = absl::WrapUnique(new Watch(this, batch));
  count_++;
  watches_[batch].insert(watch.get());
  return watch;
}

void BatchWatchers::Changed(const absl::btree_set<BatchId>& batches) {
  absl::MutexLock lock(&mu_);
  if (watches_.empty()) return;
  for (const BatchId batch : batches) {
    const auto it = watches_.find(batch);
    if (it == watches_.end()) continue;
    for (Watch* watch : it->second) {
      watch->changed_ = true;
      clock_->WakeAll(watch->wake_);
    }
  }
}

void BatchWatchers::Shutdown() {
  absl::MutexLock lock(&mu_);
  shutdown_ = true;
  for (const auto& [batch, watches] : watches_) {
    for (Watch* watch : watches) clock_->WakeAll(watch->wake_);
  }
}

}  // namespace tarea
