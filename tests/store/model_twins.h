#ifndef TAREA_TESTS_STORE_MODEL_TWINS_H_
#define TAREA_TESTS_STORE_MODEL_TWINS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "master/store/store.h"
#include "tests/store/model_requests.h"
#include "tests/store/store_under_test.h"
#include "tests/support/number_source.h"

namespace tarea {

// Runs the same sequence of verbs on two stores and compares all that they say: every answer, every
// effect, and again and again everything that can be read. Not thread-safe.
class Twins {
 public:
  // `numbers` decides what is asked; it must outlive this.
  Twins(const StoreKind& left, const StoreKind& right, NumberSource& numbers);

  // Until `steps` transactions are done, the numbers have come to their end, or the stores differ.
  void Run(int steps);

  // Where they differed first, with the verbs that led there; empty as long as they are the same.
  const std::string& difference() const { return difference_; }

  // What happened, and how often: "lease ran out" ...
  const std::map<std::string, int64_t>& counts() const { return counts_; }

 private:
  using Transaction = Store::Transaction;

  // --- Comparing
  template <typename T>
  void Same(const std::string& what, const T& left, const T& right);
  // Asks both stores, or both transactions, the same.
  template <typename Ask>
  auto AskBoth(const std::string& what, Ask ask);
  template <typename Ask>
  void CheckBoth(const std::string& what, Ask ask);
  template <typename Verb>
  auto RunBoth(const std::string& what, Verb verb);
  void Count(const std::string& name, int64_t times = 1);

  // --- Steps
  void Restart();
  void RunTransaction();
  void RunVerb();
  void Insert();
  void Claim();
  void Complete();
  void Renew();
  void Advance();
  void ExtendLeases();
  void Cancel();
  void Retry();
  void SetPaused();
  void Purge();

  // --- Reads
  void Read();
  // Everything.
  void Dump();

  NumberSource& numbers_;
  ModelRequests requests_;
  std::unique_ptr<StoreUnderTest> left_;
  std::unique_ptr<StoreUnderTest> right_;
  std::unique_ptr<Transaction> left_tx_;
  std::unique_ptr<Transaction> right_tx_;
  absl::Time now_ = absl::FromUnixMicros(1'000'000'000'000);
  int step_ = 0;
  std::string difference_;
  std::vector<TaskId> retried_;  // finished tasks that this transaction may have put back
  std::map<std::string, int64_t> counts_;
  std::deque<std::string> trace_;  // the verbs of late
};

}  // namespace tarea

#endif  // TAREA_TESTS_STORE_MODEL_TWINS_H_
