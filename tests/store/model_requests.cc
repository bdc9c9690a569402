#include "tests/store/model_requests.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

// How many of the latest leases, results and requests are remembered.
constexpr size_t kMemory = 40;

template <typename T>
void Remember(std::vector<T>& memory, const T& item) {
  memory.push_back(item);
  if (memory.size() > kMemory) memory.erase(memory.begin());
}

}  // namespace

StoreLimits ModelRequests::Limits() {
  StoreLimits limits;
  limits.max_batch = 25;
  limits.max_queue_depth = 60;
  limits.max_queue_bytes = 1'500;
  limits.max_lanes = 8;  // of 9
  limits.retain_requests = absl::Seconds(20);
  limits.max_page_bytes = 300;
  return limits;
}

absl::Duration ModelRequests::TimeStep() {
  switch (Below(20)) {
    case 0:
      return absl::Microseconds(Below(60'000'000));
    case 1:
    case 2:
    case 3:
      return absl::Microseconds(Below(3'000'000));
    case 4:
    case 5:
    case 6:
    case 7:
      return absl::Microseconds(Below(10'000));
    default:
      return absl::ZeroDuration();
  }
}

TaskId ModelRequests::AnyTask() {
  if (OneIn(40)) return last_task_ + 1 + Below(3);
  if (OneIn(4)) return 1 + Below(last_task_ + 1);
  return std::max<TaskId>(1, last_task_ - Below(40));
}

BatchId ModelRequests::AnyBatch() { return std::max<BatchId>(1, last_batch_ + 1 - Below(10)); }

TaskSpec ModelRequests::NextSpec(int position) {
  TaskSpec spec;
  spec.type = Pick({"a", "a", "a", "b", "c"});
  spec.queue = QueueName();
  spec.payload = Bytes(60);
  spec.priority = static_cast<int>(Below(3)) - 1;
  if (OneIn(5)) spec.delay = absl::Microseconds(1 + Below(5'000'000));
  if (OneIn(4)) spec.key = Pick({"k1", "k2", "k3", "k4"});
  if (OneIn(3)) {
    for (int64_t i = Below(4); i > 0; --i) {
      // A parent that was purged makes the whole call fail: mostly recent ones.
      spec.depends_on.push_back(OneIn(30) ? AnyTask() : std::max<TaskId>(1, last_task_ - Below(9)));
    }
  }
  if (OneIn(4)) {
    for (int64_t i = Below(4); i > 0 && position > 0; --i) {
      spec.depends_on_index.push_back(static_cast<int>(Below(position)));
    }
  }
  if (OneIn(200)) spec.depends_on_index.push_back(static_cast<int>(Below(8)) - 2);
  spec.run_on_parent_failure = OneIn(3);
  spec.retry.max_attempts = static_cast<int>(1 + Below(3));
  spec.retry.initial_backoff = absl::Microseconds(OneIn(3) ? 0 : Below(2'000'000));
  if (OneIn(3)) spec.retry.non_retryable_codes = {3, 5};
  if (OneIn(4)) spec.timeout = absl::Microseconds(1 + Below(1'000'000));
  if (OneIn(6)) spec.expires_in = absl::Microseconds(1 + Below(10'000'000));
  if (OneIn(3)) spec.labels["colour"] = Pick({"red", "blue"});
  if (OneIn(3)) spec.labels["size"] = Pick({"s", "m", ""});
  return spec;
}

InsertRequest ModelRequests::NextInsert() {
  if (!named_.empty() && OneIn(8)) {
    InsertRequest again = PickRecent(named_);
    if (OneIn(3)) again.content_hash += "!";
    return again;
  }
  InsertRequest request;
  if (OneIn(3)) {
    request.request_id = absl::StrCat("r", Below(1000));
    request.content_hash = Bytes(4);
  }
  request.batch_name = Pick({"", "one", "two"});
  if (OneIn(3)) {
    request.batch_id =
        open_batches_.empty() || OneIn(8)
            ? AnyBatch()
            : open_batches_[static_cast<size_t>(Below(static_cast<int64_t>(open_batches_.size())))];
  }
  request.keep_open = OneIn(3);
  if (OneIn(20)) request.total_tasks = Below(30);
  const int64_t count = OneIn(20) ? Below(30) : Below(6);
  for (int i = 0; i < count; ++i) request.tasks.push_back(NextSpec(i));
  return request;
}

ClaimRequest ModelRequests::NextClaim() {
  ClaimRequest request;
  request.worker = Pick({"w1", "w2"});
  for (int64_t i = 1 + Below(3); i > 0; --i) request.queues.push_back(QueueName());
  if (OneIn(3)) {
    for (int64_t i = 1 + Below(2); i > 0; --i) request.types.push_back(Pick({"a", "b", "c", "d"}));
  }
  request.max_tasks = static_cast<int>(1 + Below(6));
  if (OneIn(2)) {
    for (int64_t i = 1 + Below(3); i > 0; --i) {
      const int64_t queue = Below(static_cast<int64_t>(request.queues.size()));
      request.shares.push_back({request.queues[queue], static_cast<int>(Below(4))});
    }
  }
  return request;
}

TaskResult ModelRequests::NextResult() {
  TaskResult result;
  if (leases_.empty() || OneIn(25)) {
    result.task_id = AnyTask();
    result.lease_id = Below(3);
  } else {
    const LeasedTask& lease = PickRecent(leases_);
    result.task_id = lease.task_id;
    result.lease_id = lease.lease_id;
  }
  const int64_t kind = Below(20);
  if (kind < 10) {
    result.outcome = ResultOutcome::kSucceeded;
  } else if (kind < 15) {
    result.outcome = ResultOutcome::kFailed;
    result.non_retryable = OneIn(5);
  } else if (kind < 16) {
    result.outcome = ResultOutcome::kTimedOut;
  } else if (kind < 18) {
    result.outcome = ResultOutcome::kCancelled;
  } else {
    result.outcome = ResultOutcome::kReleased;
    return result;
  }
  if (OneIn(2)) result.result = Bytes(5);
  if (result.outcome != ResultOutcome::kSucceeded && !OneIn(3)) {
    result.error = {static_cast<int>(1 + Below(5)), Pick({"", "broken", "worse"})};
  }
  return result;
}

std::vector<TaskResult> ModelRequests::NextResults() {
  std::vector<TaskResult> results;
  sent_before_.clear();
  for (int64_t i = 1 + Below(4); i > 0; --i) {
    sent_before_.push_back(!sent_.empty() && OneIn(6));
    if (sent_before_.back()) {
      results.push_back(PickRecent(sent_));
    } else {
      results.push_back(NextResult());
    }
  }
  for (const TaskResult& result : results) Remember(sent_, result);
  return results;
}

std::vector<Lease> ModelRequests::NextRenewal() {
  std::vector<Lease> held;
  for (const LeasedTask& lease : leases_) {
    if (OneIn(3)) held.push_back({lease.task_id, lease.lease_id});
  }
  if (OneIn(5)) held.push_back({AnyTask(), 0});
  return held;
}

Selection ModelRequests::NextSelection() {
  Selection selection;
  if (OneIn(3)) {
    selection.batch_id = AnyBatch();
    selection.limit = OneIn(2) ? 1 + Below(3) : 100;
    if (OneIn(3)) selection.after = AnyTask();
    return selection;
  }
  if (OneIn(2)) {  // neighbours: a parent, perhaps, and then its children
    const TaskId first = std::max<TaskId>(1, last_task_ - Below(25));
    for (TaskId id = first; id <= std::min(last_task_, first + 7); ++id) {
      selection.ids.push_back(id);
    }
    return selection;
  }
  for (int64_t i = Below(4); i >= 0; --i) {
    selection.ids.push_back(std::max<TaskId>(1, last_task_ + (OneIn(50) ? 1 : 0) - Below(25)));
  }
  return selection;
}

TaskQuery ModelRequests::NextQuery() {
  TaskQuery query;
  if (OneIn(3)) query.batch_id = AnyBatch();
  if (OneIn(4)) query.queue = QueueName();
  if (OneIn(4)) query.type = Pick({"a", "b", "z"});
  if (OneIn(3)) query.states.push_back(static_cast<TaskState>(1 + Below(kTaskStates)));
  if (OneIn(6)) query.states.push_back(TaskState::kFailed);
  if (OneIn(4)) query.labels["colour"] = Pick({"red", "blue", "green"});
  if (OneIn(6)) query.labels["size"] = Pick({"s", ""});
  if (OneIn(2)) query.after = AnyTask();
  query.newest_first = OneIn(2);
  query.limit = static_cast<int>(1 + Below(12));
  query.with_payload = OneIn(2);
  query.with_result = OneIn(2);
  return query;
}

void ModelRequests::Learn(const InsertRequest& request, const InsertAnswer& answer) {
  if (answer.repeated) return;
  last_batch_ = std::max(last_batch_, answer.batch_id);
  if (!request.tasks.empty()) {
    last_task_ = answer.first_task_id + static_cast<TaskId>(request.tasks.size()) - 1;
  }
  if (request.keep_open) Remember(open_batches_, answer.batch_id);
  if (!request.request_id.empty()) Remember(named_, request);
}

void ModelRequests::Learn(const std::vector<LeasedTask>& leased) {
  for (const LeasedTask& task : leased) Remember(leases_, task);
}

}  // namespace tarea
