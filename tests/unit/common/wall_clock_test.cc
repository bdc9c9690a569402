// The wall clock of the machine is set while the process runs. This program reads the clocks
// through a function of its own, which stands in front of the C library's.

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

#include "absl/time/clock.h"
#include "common/clock.h"

namespace {

std::atomic<int64_t> wall_offset_seconds = 0;

}  // namespace

extern "C" int clock_gettime(clockid_t clock, timespec* now) noexcept {
  const long status = syscall(SYS_clock_gettime, clock, now);
  if (clock == CLOCK_REALTIME) now->tv_sec += wall_offset_seconds;
  return static_cast<int>(status);
}

namespace tarea {
namespace {

TEST(WallClock, SettingItMovesNoTimeOfOurs) {
  const absl::Time wall = absl::Now();
  MonotonicClock clock;
  absl::Time last = clock.Now();
  for (const int64_t hours : {1, -1, 24 * 365}) {
    wall_offset_seconds = hours * 3600;
    EXPECT_GT(absl::AbsDuration(absl::Now() - wall), absl::Minutes(59)) << "the test sets no clock";
    const absl::Time now = clock.Now();
    EXPECT_GE(now, last);
    EXPECT_LT(now - last, absl::Minutes(1));
    last = now;
  }
}

}  // namespace
}  // namespace tarea
