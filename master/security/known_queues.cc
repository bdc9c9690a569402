#include "master/security/known_queues.h"

#include <algorithm>

namespace tarea {
namespace {

// Some hundred bytes each.
constexpr size_t kMostBatches = 10'000;

}  // namespace

absl::StatusOr<std::set<std::string>> KnownQueues::Of(BatchId batch) {
  Known known;
  {
    absl::MutexLock lock(&mu_);
    if (const auto found = known_.find(batch); found != known_.end()) known = found->second;
  }
  const absl::StatusOr<BatchQueues> more = store_->ListQueuesOf(batch, known.last);
  if (!more.ok()) return more.status();
  known.queues.insert(more->queues.begin(), more->queues.end());
  known.last = more->last;
  absl::MutexLock lock(&mu_);
  if (known_.size() >= kMostBatches) known_.clear();
  // Another call may know more since, or less.
  Known& kept = known_[batch];
  kept.queues.insert(known.queues.begin(), known.queues.end());
  kept.last = std::max(kept.last, known.last);
  return known.queues;
}

}  // namespace tarea
