#include "worker/prefetch.h"

#include <algorithm>

namespace tarea {
namespace {

// Weight of the latest task. One slow task among quick ones weighs at once, one quick task among
// slow ones does not: fetching too little costs a round trip, too much makes tasks wait.
constexpr double kWeight = 0.1;

}  // namespace

void Prefetch::Fetched(int wanted, int got) {
  absl::MutexLock lock(&mu_);
  limit_ = got < wanted ? slots_ : std::min(2 * limit_, std::max(most_, slots_));
}

void Prefetch::Record(absl::Duration took) {
  absl::MutexLock lock(&mu_);
  if (average_ == absl::InfiniteDuration()) {
    average_ = took;
  } else {
    average_ += kWeight * (took - average_);
  }
}

void Prefetch::Stalled(absl::Duration waited) {
  absl::MutexLock lock(&mu_);
  average_ = std::max(average_, waited);
}

int Prefetch::Wanted() const {
  absl::MutexLock lock(&mu_);
  if (average_ == absl::InfiniteDuration()) return 0;
  const double ahead =
      slots_ * absl::FDivDuration(kAhead, std::max(average_, absl::Microseconds(1)));
  return static_cast<int>(std::min<double>(ahead, std::min(limit_, most_)));
}

}  // namespace tarea
