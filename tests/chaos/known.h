#ifndef TAREA_TESTS_CHAOS_KNOWN_H_
#define TAREA_TESTS_CHAOS_KNOWN_H_

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <optional>
#include <random>
#include <unordered_set>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "master/store/task.h"

namespace tarea {

using Random = std::mt19937_64;

// True in `percent` of all cases.
inline bool Chance(Random& random, int percent) {
  return std::uniform_int_distribution<int>(1, 100)(random) <= percent;
}

inline int Between(Random& random, int low, int high) {
  return std::uniform_int_distribution<int>(low, high)(random);
}

// What the clients of a run tell each other: the latest tasks and batches that were accepted.
// Thread-safe.
class Known {
 public:
  struct Batch {
    BatchId id = 0;
    std::vector<TaskId> tasks;
  };

  // `parents`: those of the tasks that others may depend on.
  void Add(const Batch& batch, const std::vector<TaskId>& parents) {
    absl::MutexLock lock(&mu_);
    Push(batches_, batch);
    for (const TaskId task : batch.tasks) Push(tasks_, task);
    for (const TaskId task : parents) Push(parents_, task);
  }

  std::optional<TaskId> AnyTask(Random& random) const {
    absl::MutexLock lock(&mu_);
    return Any(tasks_, random);
  }
  std::optional<TaskId> AnyParent(Random& random) const {
    absl::MutexLock lock(&mu_);
    return Any(parents_, random);
  }
  std::optional<Batch> AnyBatch(Random& random) const {
    absl::MutexLock lock(&mu_);
    return Any(batches_, random);
  }

  // Tasks that somebody asked to be tried again: they may end more than once.
  void AddRetried(TaskId task) {
    absl::MutexLock lock(&mu_);
    retried_.insert(task);
  }
  bool WasRetried(TaskId task) const {
    absl::MutexLock lock(&mu_);
    return retried_.contains(task);
  }

  // Tasks that are not final, as of the last look.
  std::atomic<int64_t> unfinished = 0;
  // The disk is full just now.
  std::atomic<bool> disk_full = false;

 private:
  static constexpr size_t kMost = 400;

  template <typename T>
  static void Push(std::deque<T>& values, const T& value) {
    values.push_back(value);
    if (values.size() > kMost) values.pop_front();
  }
  // One of those, the later the likelier.
  template <typename T>
  static std::optional<T> Any(const std::deque<T>& values, Random& random) {
    if (values.empty()) return std::nullopt;
    const int last = static_cast<int>(values.size()) - 1;
    return values[std::max(Between(random, 0, last), Between(random, 0, last))];
  }

  mutable absl::Mutex mu_;
  std::deque<TaskId> tasks_ ABSL_GUARDED_BY(mu_);
  std::deque<TaskId> parents_ ABSL_GUARDED_BY(mu_);
  std::deque<Batch> batches_ ABSL_GUARDED_BY(mu_);
  std::unordered_set<TaskId> retried_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_KNOWN_H_
