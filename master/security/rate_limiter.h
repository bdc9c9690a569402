#ifndef TAREA_MASTER_SECURITY_RATE_LIMITER_H_
#define TAREA_MASTER_SECURITY_RATE_LIMITER_H_

#include <cstddef>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tarea {

// A token bucket for each of many: it holds `burst` and fills by `per_second`. Thread-safe.
class RateLimiter {
 public:
  // Both more than zero.
  RateLimiter(double per_second, double burst) : per_second_(per_second), burst_(burst) {}

  // Takes `count` out of the bucket of `who` if it holds that much, or is full, and answers zero;
  // a full one is overdrawn. Else takes nothing and answers after what time it would.
  absl::Duration Take(absl::string_view who, double count, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Bucket {
    double level = 0;
    absl::Time at;
  };

  double LevelOf(const Bucket& bucket, absl::Time now) const;
  void ForgetFull(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const double per_second_;
  const double burst_;

  absl::Mutex mu_;
  // One that is not there is full.
  absl::flat_hash_map<std::string, Bucket> buckets_ ABSL_GUARDED_BY(mu_);
  size_t forget_at_ ABSL_GUARDED_BY(mu_) = 1000;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_RATE_LIMITER_H_
