#ifndef TAREA_TESTS_SUPPORT_NUMBER_SOURCE_H_
#define TAREA_TESTS_SUPPORT_NUMBER_SOURCE_H_

#include <cstdint>
#include <random>

namespace tarea {

// Where a test takes its decisions from: a seed, or the bytes that a fuzzer made up. The same
// source gives the same numbers. Not thread-safe.
class NumberSource {
 public:
  virtual ~NumberSource() = default;

  // From 0 to limit - 1; `limit` is 1 or more.
  virtual int64_t Below(int64_t limit) = 0;
  // Whether it has come to its end, from where on all numbers are 0.
  virtual bool empty() const = 0;

  bool OneIn(int64_t n) { return Below(n) == 0; }
};

// Never ends.
class SeededNumbers : public NumberSource {
 public:
  explicit SeededNumbers(uint64_t seed) : random_(seed) {}

  int64_t Below(int64_t limit) override {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }
  bool empty() const override { return false; }

 private:
  std::mt19937_64 random_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_NUMBER_SOURCE_H_
