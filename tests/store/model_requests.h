#ifndef TAREA_TESTS_STORE_MODEL_REQUESTS_H_
#define TAREA_TESTS_STORE_MODEL_REQUESTS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "master/store/store.h"
#include "tests/support/number_source.h"

namespace tarea {

// Makes up what clients, workers and operators might ask next, the foolish included. Learns from
// the answers which tasks, batches and leases there are. The same numbers and the same answers make
// the same requests. Few names and small limits, so that they meet often.
class ModelRequests {
 public:
  // `numbers` must outlive it.
  explicit ModelRequests(NumberSource& numbers) : numbers_(numbers) {}

  static StoreLimits Limits();

  int64_t Below(int64_t limit) { return numbers_.Below(limit); }
  bool OneIn(int64_t n) { return numbers_.OneIn(n); }

  absl::Duration TimeStep();  // mostly none, sometimes a minute
  InsertRequest NextInsert();
  ClaimRequest NextClaim();
  std::vector<TaskResult> NextResults();
  std::vector<Lease> NextRenewal();
  Selection NextSelection();
  TaskQuery NextQuery();
  std::string QueueName() { return Pick({"q1", "q2", "q3"}); }
  // Of a task that probably exists.
  TaskId AnyTask();
  BatchId AnyBatch();

  void Learn(const InsertRequest& request, const InsertAnswer& answer);
  void Learn(const std::vector<LeasedTask>& leased);

  // Whether result i of the last NextResults was sent before.
  bool sent_before(size_t i) const { return sent_before_[i]; }

 private:
  std::string Pick(const std::vector<std::string>& from) {
    return from[static_cast<size_t>(Below(static_cast<int64_t>(from.size())))];
  }
  // Mostly one of the last few.
  template <typename T>
  const T& PickRecent(const std::vector<T>& from) {
    const int64_t size = static_cast<int64_t>(from.size());
    const int64_t back = Below(OneIn(4) ? size : std::min<int64_t>(size, 5));
    return from[static_cast<size_t>(size - 1 - back)];
  }
  std::string Bytes(int64_t below) {
    return std::string(static_cast<size_t>(Below(below)), static_cast<char>(Below(256)));
  }
  TaskSpec NextSpec(int position);
  TaskResult NextResult();

  NumberSource& numbers_;
  TaskId last_task_ = 0;
  BatchId last_batch_ = 0;
  std::vector<BatchId> open_batches_;
  std::vector<InsertRequest> named_;  // those with a request id
  std::vector<LeasedTask> leases_;    // given out lately; may be over
  std::vector<TaskResult> sent_;      // lately
  std::vector<bool> sent_before_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_STORE_MODEL_REQUESTS_H_
