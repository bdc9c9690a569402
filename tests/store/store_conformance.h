#ifndef TAREA_TESTS_STORE_STORE_CONFORMANCE_H_
#define TAREA_TESTS_STORE_STORE_CONFORMANCE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "master/store/store.h"
#include "tests/store/store_under_test.h"

namespace tarea {

// What every store has to do. Each test is a claim about store.h and runs on each kind of store. A
// file of claims declares its suites with TAREA_STORE_SUITE.
//
// Time stands still until Pass. Each verb here is a transaction of its own, which must succeed;
// what it brought about is in `effects`.
class StoreConformance : public ::testing::TestWithParam<StoreKind> {
 protected:
  StoreConformance() { Fresh({}); }

  // Begins again with an empty store.
  void Fresh(const StoreLimits& limits) { under_test_ = GetParam().make(limits); }
  void Reopen() { under_test_->Reopen(); }
  Store& store() { return under_test_->store(); }

  absl::Time now() const { return now_; }
  void Pass(absl::Duration time) { now_ += time; }

  // --- Verbs
  absl::StatusOr<InsertAnswer> TryInsert(const InsertRequest& request);
  InsertAnswer Insert(const InsertRequest& request);
  // A new batch; answers the id of its first task.
  TaskId Submit(const std::vector<TaskSpec>& tasks);
  TaskId Submit(const TaskSpec& task) { return Submit(std::vector<TaskSpec>{task}); }

  std::vector<LeasedTask> Claim(const ClaimRequest& request);
  std::vector<LeasedTask> Claim(int max_tasks, const std::string& queue = "default");
  std::vector<TaskId> ClaimIds(int max_tasks, const std::string& queue = "default");
  // The one task that is ready.
  LeasedTask ClaimOne(const std::string& queue = "default");

  ResultStatus Complete(const TaskResult& result);
  std::vector<Stop> Renew(const std::vector<Lease>& leases);
  AdvanceAnswer Advance(int64_t limit = 1000);
  absl::StatusOr<CancelAnswer> TryCancel(const Selection& selection, const std::string& reason);
  CancelAnswer Cancel(const std::vector<TaskId>& ids, const std::string& reason = "");
  absl::StatusOr<RetryAnswer> TryRetry(const Selection& selection);
  RetryAnswer Retry(const std::vector<TaskId>& ids);
  void SetPaused(const std::string& queue, bool paused);
  int64_t Purge(absl::Time before, int64_t limit = 1000);

  // --- Short ways to a state
  // Claims and completes the one task that is ready.
  void Succeed(const std::string& result = "");
  void FailForGood();

  // --- Reads
  Task Get(TaskId id);
  TaskState State(TaskId id) { return Get(id).core.state; }
  Batch GetBatch(BatchId id);
  absl::Time NextDue();
  std::vector<TaskId> List(const TaskQuery& query);

  static constexpr absl::Duration kLease = absl::Seconds(30);

  Effects effects;

 private:
  template <typename Verb>
  auto Run(Verb verb);

  std::unique_ptr<StoreUnderTest> under_test_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000);
};

inline std::string NameOfKind(const ::testing::TestParamInfo<StoreKind>& test) {
  return test.param.name;
}

#define TAREA_STORE_SUITE(Suite)            \
  class Suite : public StoreConformance {}; \
  INSTANTIATE_TEST_SUITE_P(Stores, Suite, ::testing::ValuesIn(AllStores()), NameOfKind)

// --- Values
// ------------------------------------------------------------------------------------------------

// A task of type "t" in queue "default" that waits one second after its first failure.
TaskSpec Spec();
TaskSpec OfType(const std::string& type, const std::string& queue = "default");
TaskSpec WithPriority(int priority);
TaskSpec WithKey(const std::string& key);
TaskSpec WithDelay(absl::Duration delay);
TaskSpec WithAttempts(int max_attempts);
TaskSpec ExpiringIn(absl::Duration expires_in);
TaskSpec After(const std::vector<TaskId>& parents);
TaskSpec AfterPositions(const std::vector<int>& positions);
TaskSpec EvenIfFailed(TaskSpec spec);  // run_on_parent_failure

InsertRequest Request(const std::vector<TaskSpec>& tasks);
InsertRequest OpenBatch(const std::vector<TaskSpec>& tasks);
InsertRequest AddTo(BatchId batch, const std::vector<TaskSpec>& tasks, bool keep_open = true);

Selection Batchwise(BatchId batch, TaskId after = 0, int64_t limit = 10000);

TaskResult Succeeded(const LeasedTask& task, const std::string& result = "");
TaskResult Failed(const LeasedTask& task, int code = 2, const std::string& message = "broken");
TaskResult Released(const LeasedTask& task);
TaskResult Cancelled(const LeasedTask& task);

Lease LeaseOf(const LeasedTask& task);

MATCHER_P(StatusIs, code, "") {
  *result_listener << arg.ToString();
  return arg.code() == code;
}

}  // namespace tarea

#endif  // TAREA_TESTS_STORE_STORE_CONFORMANCE_H_
