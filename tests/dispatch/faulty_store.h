#ifndef TAREA_TESTS_DISPATCH_FAULTY_STORE_H_
#define TAREA_TESTS_DISPATCH_FAULTY_STORE_H_

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "master/store/store.h"

namespace tarea {

// A store that counts its transactions and fails commits when told to.
class FaultyStore : public Store {
 public:
  explicit FaultyStore(std::unique_ptr<Store> inner) : inner_(std::move(inner)) {}

  // Called before each commit with how many Inserts the transaction has; a status that is not OK
  // becomes the answer, and nothing is committed.
  std::function<absl::Status(int inserts)> before_commit = [](int) { return absl::OkStatus(); };
  // Called after each commit; a status that is not OK becomes the answer all the same.
  std::function<absl::Status()> after_commit = [] { return absl::OkStatus(); };
  std::atomic<int> commits = 0;
  // Verbs whose answer is a promise to a client or a worker, in transactions that were to be synced
  // later: there must be none.
  std::atomic<int> unsynced_promises = 0;

  std::unique_ptr<Transaction> Begin(Sync sync) override {
    return std::make_unique<FaultyTransaction>(*this, sync, inner_->Begin(sync));
  }
  // Called by MakeDurable; a status that is not OK becomes its answer.
  std::function<absl::Status()> on_sync = [] { return absl::OkStatus(); };
  std::atomic<int> syncs = 0;

  absl::Status MakeDurable() override {
    syncs++;
    const absl::Status status = on_sync();
    return status.ok() ? inner_->MakeDurable() : status;
  }
  absl::StatusOr<Task> GetTask(TaskId id) override { return inner_->GetTask(id); }
  absl::StatusOr<Batch> GetBatch(BatchId id) override { return inner_->GetBatch(id); }
  absl::StatusOr<TaskPage> ListTasks(const TaskQuery& query) override {
    return inner_->ListTasks(query);
  }
  absl::StatusOr<std::vector<Batch>> ListBatches(BatchId before, int limit) override {
    return inner_->ListBatches(before, limit);
  }
  absl::StatusOr<FinishedPage> ListFinished(BatchId batch, int64_t cursor, int limit,
                                            bool with_result) override {
    return inner_->ListFinished(batch, cursor, limit, with_result);
  }
  absl::StatusOr<std::vector<Queue>> ListQueues() override { return inner_->ListQueues(); }
  absl::StatusOr<BatchQueues> ListQueuesOf(BatchId batch, TaskId after) override {
    return inner_->ListQueuesOf(batch, after);
  }
  absl::StatusOr<int64_t> CountBatches() override { return inner_->CountBatches(); }
  absl::StatusOr<absl::Time> NextDue() override { return inner_->NextDue(); }
  absl::Time last_time() const override { return inner_->last_time(); }
  std::string name() const override { return inner_->name(); }
  std::string durability() const override { return inner_->durability(); }

 private:
  class FaultyTransaction : public Transaction {
   public:
    FaultyTransaction(FaultyStore& owner, Sync sync, std::unique_ptr<Transaction> inner)
        : owner_(owner), sync_(sync), inner_(std::move(inner)) {}

    absl::StatusOr<InsertAnswer> Insert(absl::Time now, const InsertRequest& request) override {
      inserts_++;
      Promise();
      return inner_->Insert(now, request);
    }
    absl::StatusOr<std::vector<LeasedTask>> Claim(absl::Time now, absl::Duration lease,
                                                  const ClaimRequest& request) override {
      return inner_->Claim(now, lease, request);
    }
    absl::StatusOr<std::vector<ResultStatus>> Complete(
        absl::Time now, absl::Span<const TaskResult> results) override {
      Promise();
      return inner_->Complete(now, results);
    }
    absl::StatusOr<std::vector<Stop>> Renew(absl::Time now, absl::Duration lease,
                                            absl::Span<const Lease> leases) override {
      return inner_->Renew(now, lease, leases);
    }
    absl::StatusOr<AdvanceAnswer> Advance(absl::Time now, int64_t limit) override {
      return inner_->Advance(now, limit);
    }
    absl::Status ExtendLeases(absl::Time until) override { return inner_->ExtendLeases(until); }
    absl::StatusOr<CancelAnswer> Cancel(absl::Time now, const Selection& selection,
                                        const std::string& reason) override {
      Promise();
      return inner_->Cancel(now, selection, reason);
    }
    absl::StatusOr<RetryAnswer> Retry(absl::Time now, const Selection& selection) override {
      Promise();
      return inner_->Retry(now, selection);
    }
    absl::Status SetPaused(const std::string& queue, bool paused) override {
      return inner_->SetPaused(queue, paused);
    }
    absl::StatusOr<int64_t> Purge(absl::Time now, absl::Time before, int64_t limit) override {
      return inner_->Purge(now, before, limit);
    }
    absl::Status Commit() override {
      owner_.commits++;
      absl::Status status = owner_.before_commit(inserts_);
      if (status.ok()) status = inner_->Commit();
      return status.ok() ? owner_.after_commit() : status;
    }
    const Effects& effects() const override { return inner_->effects(); }

   private:
    void Promise() {
      if (sync_ == Sync::kLater) owner_.unsynced_promises++;
    }

    FaultyStore& owner_;
    const Sync sync_;
    const std::unique_ptr<Transaction> inner_;
    int inserts_ = 0;
  };

  const std::unique_ptr<Store> inner_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_DISPATCH_FAULTY_STORE_H_
