#ifndef TAREA_MASTER_STORE_MEMORY_TRANSACTION_H_
#define TAREA_MASTER_STORE_MEMORY_TRANSACTION_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "master/store/lease_ids.h"
#include "master/store/lifecycle.h"
#include "master/store/memory_state.h"
#include "master/store/store.h"

namespace tarea {

// The verbs, on a copy of the state that Commit hands back. The rules are those of store.h; the
// decisions are those of lifecycle.h; here is only who is asked and in which order.
class MemoryTransaction : public Store::Transaction {
 public:
  using Publish = std::function<void(MemoryState)>;

  // `limits` and `lease_ids` must outlive it. Commit calls `publish` with the new state.
  MemoryTransaction(MemoryState state, const StoreLimits& limits, LeaseIds& lease_ids,
                    Publish publish);

  absl::StatusOr<InsertAnswer> Insert(absl::Time now, const InsertRequest& request) override;
  absl::StatusOr<std::vector<LeasedTask>> Claim(absl::Time now, absl::Duration lease,
                                                const ClaimRequest& request) override;
  absl::StatusOr<std::vector<ResultStatus>> Complete(absl::Time now,
                                                     absl::Span<const TaskResult> results) override;
  absl::StatusOr<std::vector<Stop>> Renew(absl::Time now, absl::Duration lease,
                                          absl::Span<const Lease> leases) override;
  absl::StatusOr<AdvanceAnswer> Advance(absl::Time now, int64_t limit) override;
  absl::Status ExtendLeases(absl::Time until) override;
  absl::StatusOr<CancelAnswer> Cancel(absl::Time now, const Selection& selection,
                                      const std::string& reason) override;
  absl::StatusOr<RetryAnswer> Retry(absl::Time now, const Selection& selection) override;
  absl::Status SetPaused(const std::string& queue, bool paused) override;
  absl::StatusOr<int64_t> Purge(absl::Time now, absl::Time before, int64_t limit) override;
  absl::Status Commit() override;
  const Effects& effects() const override { return effects_; }

 private:
  // --- Insert (memory_insert.cc)
  absl::StatusOr<std::optional<InsertAnswer>> FindRequest(absl::Time now,
                                                          const InsertRequest& request) const;
  absl::Status CheckBatch(const InsertRequest& request) const;
  absl::Status CheckParents(const InsertRequest& request) const;
  absl::Status CheckLimits(const InsertRequest& request) const;
  void OpenBatch(absl::Time now, const InsertRequest& request, BatchId id);
  // Stores one task, or answers the one that has its key.
  TaskId InsertTask(absl::Time now, BatchId batch, TaskId id, TaskSpec spec);
  void RememberRequest(absl::Time now, const InsertRequest& request, const InsertAnswer& answer);

  // --- Parts of the other verbs
  // Adds to `leased` up to `max_tasks` of these queues.
  void TakeReady(absl::Time now, absl::Duration lease, const ClaimRequest& request,
                 const std::vector<std::string>& queues, int max_tasks,
                 std::vector<LeasedTask>& leased);
  LeasedTask StartTask(absl::Time now, absl::Duration lease, TaskId id, const std::string& worker);
  ResultStatus CompleteTask(absl::Time now, const TaskResult& result);
  int64_t ExpireLeases(absl::Time now, int64_t limit, absl::btree_set<std::string>& lost_workers);
  int64_t PromoteScheduled(absl::Time now, int64_t limit);
  int64_t ExpireStarts(absl::Time now, int64_t limit);
  int64_t SettleParents(absl::Time now, int64_t limit);
  void SettleChild(absl::Time now, TaskId child, const MemoryParent& parent);
  // The tasks that a selection names, and where its next bite begins.
  absl::StatusOr<std::vector<TaskId>> Select(const Selection& selection, TaskId& next) const;
  bool RetryOne(absl::Time now, TaskId id, bool only_failed);
  int64_t PurgeBatches(absl::Time before, int64_t limit);
  int64_t PurgeRequests(absl::Time now, int64_t limit);

  // --- What goes with every change
  void Tick(absl::Time now);
  void NoteDue(absl::Time at);
  // Writes a task that lifecycle.h has moved: gives it its place among the finished ones and takes
  // down what follows for its batch, its dependents and the effects.
  void Move(absl::Time now, MemoryTask task);
  void EndAttempt(absl::Time now, MemoryTask task, const AttemptEnd& end,
                  const std::string& result);
  void CancelWith(absl::Time now, MemoryTask task, const TaskError& error);
  // Makes `child` wait for `parents`.
  void Block(TaskCore& child, const std::vector<TaskId>& parents);

  MemoryState state_;
  const StoreLimits& limits_;
  LeaseIds& lease_ids_;
  Publish publish_;
  Effects effects_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_MEMORY_TRANSACTION_H_
