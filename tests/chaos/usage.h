#ifndef TAREA_TESTS_CHAOS_USAGE_H_
#define TAREA_TESTS_CHAOS_USAGE_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace tarea {

// What a process uses.
struct Usage {
  int64_t rss_bytes = 0;
  int64_t descriptors = 0;
  int64_t threads = 0;
};

// Zeros if there is no such process.
Usage UsageOf(pid_t pid);

// Bytes of the files in a directory whose names begin like this.
int64_t BytesIn(const std::string& directory, const std::string& prefix);

// One figure over time. Flat if what it is in the last quarter of all samples is no more than
// `factor` times what it is in the first quarter, and `slack`. Of a quarter the median counts: a
// peak while many reconnect says nothing.
class Series {
 public:
  Series(std::string name, double factor, int64_t slack)
      : name_(std::move(name)), factor_(factor), slack_(slack) {}

  void Add(int64_t value) { values_.push_back(value); }

  bool IsFlat() const;
  // "master's memory: 20.1 MB in the first quarter, 20.3 MB in the last (peak 22.0 MB)".
  std::string ToString() const;
  const std::string& name() const { return name_; }

 private:
  // Of those from one part of the whole to another, both from 0 to 1.
  int64_t Median(double from, double to) const;
  std::string Show(int64_t value) const;

  const std::string name_;
  const double factor_;
  const int64_t slack_;
  std::vector<int64_t> values_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_USAGE_H_
