#include "common/clock.h"

#include <algorithm>

#include "absl/time/clock.h"

namespace tarea {

MonotonicClock::MonotonicClock(absl::Time not_before)
    : start_(std::max(absl::Now(), not_before)), steady_start_(std::chrono::steady_clock::now()) {}

absl::Time MonotonicClock::Now() {
  const absl::Duration passed = absl::FromChrono(std::chrono::steady_clock::now() - steady_start_);
  return absl::FromUnixMicros(absl::ToUnixMicros(start_ + passed));
}

absl::Time CalendarTime() { return absl::Now(); }

}  // namespace tarea
