#include "master/security/rate_limiter.h"

#include <algorithm>

namespace tarea {

absl::Duration RateLimiter::Take(absl::string_view who, double count, absl::Time now) {
  absl::MutexLock lock(&mu_);
  const auto found = buckets_.find(who);
  const double level = found == buckets_.end() ? burst_ : LevelOf(found->second, now);
  const double missing = std::min(count, burst_) - level;
  if (missing > 0) return absl::Seconds(missing / per_second_);
  buckets_[who] = {level - count, now};
  if (buckets_.size() >= forget_at_) ForgetFull(now);
  return absl::ZeroDuration();
}

double RateLimiter::LevelOf(const Bucket& bucket, absl::Time now) const {
  const double seconds = std::max(absl::ToDoubleSeconds(now - bucket.at), 0.0);
  return std::min(bucket.level + seconds * per_second_, burst_);
}

// So that strangers without number do not take memory without end: it is as much as those take who
// came while a bucket fills.
void RateLimiter::ForgetFull(absl::Time now) {
  absl::erase_if(buckets_, [&](const auto& entry) { return LevelOf(entry.second, now) >= burst_; });
  forget_at_ = std::max<size_t>(1000, 2 * buckets_.size());
}

}  // namespace tarea
