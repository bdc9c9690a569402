#include "tests/store/store_conformance.h"

#include <utility>

namespace tarea {

template <typename Verb>
auto StoreConformance::Run(Verb verb) {
  const std::unique_ptr<Store::Transaction> tx = store().Begin();
  auto answer = verb(*tx);
  const absl::Status status = tx->Commit();
  EXPECT_TRUE(status.ok()) << status;
  effects = tx->effects();
  return answer;
}

namespace {

// The answer of a verb that must succeed.
template <typename T>
T Value(absl::StatusOr<T> answer) {
  EXPECT_TRUE(answer.ok()) << answer.status();
  return answer.ok() ? *std::move(answer) : T();
}

}  // namespace

absl::StatusOr<InsertAnswer> StoreConformance::TryInsert(const InsertRequest& request) {
  return Run([&](Store::Transaction& tx) { return tx.Insert(now_, request); });
}

InsertAnswer StoreConformance::Insert(const InsertRequest& request) {
  return Value(TryInsert(request));
}

TaskId StoreConformance::Submit(const std::vector<TaskSpec>& tasks) {
  return Insert(Request(tasks)).first_task_id;
}

std::vector<LeasedTask> StoreConformance::Claim(const ClaimRequest& request) {
  return Value(Run([&](Store::Transaction& tx) { return tx.Claim(now_, kLease, request); }));
}

std::vector<LeasedTask> StoreConformance::Claim(int max_tasks, const std::string& queue) {
  ClaimRequest request;
  request.worker = "w1";
  request.queues = {queue};
  request.max_tasks = max_tasks;
  return Claim(request);
}

std::vector<TaskId> StoreConformance::ClaimIds(int max_tasks, const std::string& queue) {
  std::vector<TaskId> ids;
  for (const LeasedTask& task : Claim(max_tasks, queue)) ids.push_back(task.task_id);
  return ids;
}

LeasedTask StoreConformance::ClaimOne(const std::string& queue) {
  const std::vector<LeasedTask> leased = Claim(2, queue);
  EXPECT_EQ(leased.size(), 1u);
  return leased.empty() ? LeasedTask() : leased[0];
}

ResultStatus StoreConformance::Complete(const TaskResult& result) {
  const std::vector<ResultStatus> statuses =
      Value(Run([&](Store::Transaction& tx) { return tx.Complete(now_, {result}); }));
  EXPECT_EQ(statuses.size(), 1u);
  return statuses.empty() ? ResultStatus::kUnknown : statuses[0];
}

std::vector<Stop> StoreConformance::Renew(const std::vector<Lease>& leases) {
  return Value(Run([&](Store::Transaction& tx) { return tx.Renew(now_, kLease, leases); }));
}

AdvanceAnswer StoreConformance::Advance(int64_t limit) {
  return Value(Run([&](Store::Transaction& tx) { return tx.Advance(now_, limit); }));
}

absl::StatusOr<CancelAnswer> StoreConformance::TryCancel(const Selection& selection,
                                                         const std::string& reason) {
  return Run([&](Store::Transaction& tx) { return tx.Cancel(now_, selection, reason); });
}

CancelAnswer StoreConformance::Cancel(const std::vector<TaskId>& ids, const std::string& reason) {
  Selection selection;
  selection.ids = ids;
  return Value(TryCancel(selection, reason));
}

absl::StatusOr<RetryAnswer> StoreConformance::TryRetry(const Selection& selection) {
  return Run([&](Store::Transaction& tx) { return tx.Retry(now_, selection); });
}

RetryAnswer StoreConformance::Retry(const std::vector<TaskId>& ids) {
  Selection selection;
  selection.ids = ids;
  return Value(TryRetry(selection));
}

void StoreConformance::SetPaused(const std::string& queue, bool paused) {
  const absl::Status status =
      Run([&](Store::Transaction& tx) { return tx.SetPaused(queue, paused); });
  EXPECT_TRUE(status.ok()) << status;
}

int64_t StoreConformance::Purge(absl::Time before, int64_t limit) {
  return Value(Run([&](Store::Transaction& tx) { return tx.Purge(now_, before, limit); }));
}

void StoreConformance::Succeed(const std::string& result) {
  EXPECT_EQ(Complete(Succeeded(ClaimOne(), result)), ResultStatus::kRecorded);
}

void StoreConformance::FailForGood() {
  TaskResult result = Failed(ClaimOne());
  result.non_retryable = true;
  EXPECT_EQ(Complete(result), ResultStatus::kRecorded);
}

Task StoreConformance::Get(TaskId id) { return Value(store().GetTask(id)); }

Batch StoreConformance::GetBatch(BatchId id) { return Value(store().GetBatch(id)); }

absl::Time StoreConformance::NextDue() { return Value(store().NextDue()); }

std::vector<TaskId> StoreConformance::List(const TaskQuery& query) {
  std::vector<TaskId> ids;
  for (const Task& task : Value(store().ListTasks(query)).tasks) ids.push_back(task.core.id);
  return ids;
}

// --- Values
// ------------------------------------------------------------------------------------------------

TaskSpec Spec() {
  TaskSpec spec;
  spec.type = "t";
  spec.retry.jitter = 0;
  return spec;
}

TaskSpec OfType(const std::string& type, const std::string& queue) {
  TaskSpec spec = Spec();
  spec.type = type;
  spec.queue = queue;
  return spec;
}

TaskSpec WithPriority(int priority) {
  TaskSpec spec = Spec();
  spec.priority = priority;
  return spec;
}

TaskSpec WithKey(const std::string& key) {
  TaskSpec spec = Spec();
  spec.key = key;
  return spec;
}

TaskSpec WithDelay(absl::Duration delay) {
  TaskSpec spec = Spec();
  spec.delay = delay;
  return spec;
}

TaskSpec WithAttempts(int max_attempts) {
  TaskSpec spec = Spec();
  spec.retry.max_attempts = max_attempts;
  return spec;
}

TaskSpec ExpiringIn(absl::Duration expires_in) {
  TaskSpec spec = Spec();
  spec.expires_in = expires_in;
  return spec;
}

TaskSpec After(const std::vector<TaskId>& parents) {
  TaskSpec spec = Spec();
  spec.depends_on = parents;
  return spec;
}

TaskSpec AfterPositions(const std::vector<int>& positions) {
  TaskSpec spec = Spec();
  spec.depends_on_index = positions;
  return spec;
}

TaskSpec EvenIfFailed(TaskSpec spec) {
  spec.run_on_parent_failure = true;
  return spec;
}

InsertRequest Request(const std::vector<TaskSpec>& tasks) {
  InsertRequest request;
  request.batch_name = "batch";
  request.tasks = tasks;
  return request;
}

InsertRequest OpenBatch(const std::vector<TaskSpec>& tasks) {
  InsertRequest request = Request(tasks);
  request.keep_open = true;
  return request;
}

InsertRequest AddTo(BatchId batch, const std::vector<TaskSpec>& tasks, bool keep_open) {
  InsertRequest request = Request(tasks);
  request.batch_id = batch;
  request.keep_open = keep_open;
  return request;
}

Selection Batchwise(BatchId batch, TaskId after, int64_t limit) {
  Selection selection;
  selection.batch_id = batch;
  selection.after = after;
  selection.limit = limit;
  return selection;
}

TaskResult Succeeded(const LeasedTask& task, const std::string& result) {
  TaskResult report;
  report.task_id = task.task_id;
  report.lease_id = task.lease_id;
  report.result = result;
  return report;
}

TaskResult Failed(const LeasedTask& task, int code, const std::string& message) {
  TaskResult report = Succeeded(task);
  report.outcome = ResultOutcome::kFailed;
  report.error = {code, message};
  return report;
}

TaskResult Released(const LeasedTask& task) {
  TaskResult report = Succeeded(task);
  report.outcome = ResultOutcome::kReleased;
  return report;
}

TaskResult Cancelled(const LeasedTask& task) {
  TaskResult report = Succeeded(task);
  report.outcome = ResultOutcome::kCancelled;
  return report;
}

Lease LeaseOf(const LeasedTask& task) { return {task.task_id, task.lease_id}; }

}  // namespace tarea
