#ifndef TAREA_BENCH_MEASURE_H_
#define TAREA_BENCH_MEASURE_H_

#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"

// What is measured with: time, processor time and memory.
namespace tarea {

// Measures from its construction on. Thread-safe.
class Stopwatch {
 public:
  absl::Duration Elapsed() const {
    return absl::FromChrono(std::chrono::steady_clock::now() - start_);
  }

 private:
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// Processor time that a process has used so far, user and system, of all its threads; zero if there
// is no such process.
absl::Duration CpuTime(pid_t pid);

// Memory of a process that is in RAM, in bytes; 0 if there is no such process.
int64_t ResidentBytes(pid_t pid);

// How long something took, each time. Not thread-safe.
class Samples {
 public:
  void Add(absl::Duration sample) { samples_.push_back(sample); }
  void Add(const Samples& other);
  size_t size() const { return samples_.size(); }

  // The smallest sample that at least `fraction` of all are not above; 0.5 is the median. Zero if
  // there are none.
  absl::Duration Percentile(double fraction) const;

 private:
  std::vector<absl::Duration> samples_;
};

// `count` per second of `time`, which must be more than zero.
double PerSecond(double count, absl::Duration time);

// "200,000".
std::string WithCommas(int64_t number);

}  // namespace tarea

#endif  // TAREA_BENCH_MEASURE_H_
