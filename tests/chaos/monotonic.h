#ifndef TAREA_TESTS_CHAOS_MONOTONIC_H_
#define TAREA_TESTS_CHAOS_MONOTONIC_H_

#include <time.h>

#include <cstdint>

namespace tarea {

// Microseconds of the clock that all processes of this machine share and that nobody sets.
inline int64_t MonotonicMicros() {
  timespec now = {};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1000;
}

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_MONOTONIC_H_
