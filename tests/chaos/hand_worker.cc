#include "tests/chaos/hand_worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/convert.h"
#include "tests/chaos/hash.h"

namespace tarea {
namespace {

using Op = HistoryEvent::Op;
using Phase = HistoryEvent::Phase;

constexpr absl::Duration kTimeout = absl::Seconds(2);
constexpr absl::Duration kPark = absl::Milliseconds(300);
constexpr int kMostTasks = 8;

std::vector<HistoryItem> ItemsOf(const std::vector<v1::TaskResult>& results) {
  std::vector<HistoryItem> items;
  for (const v1::TaskResult& result : results) {
    HistoryItem item;
    item.task = result.task_id();
    item.lease = static_cast<LeaseId>(result.lease_id());
    item.outcome = static_cast<ResultOutcome>(result.outcome());
    if (!result.result().empty()) item.result = HashOf(result.result());
    items.push_back(std::move(item));
  }
  return items;
}

}  // namespace

void HandWorker::Run() {
  while (!caller_.stopped()) {
    Take();
    Renew();
    SendDue();
    caller_.Pause(absl::Milliseconds(Between(random_, 1, 60)));
  }
}

v1::WorkerInfo HandWorker::Info() const {
  v1::WorkerInfo info;
  info.set_id(name_);
  info.set_name(name_);
  info.set_slots(kMostTasks);
  return info;
}

void HandWorker::Take() {
  v1::RequestTaskRequest request;
  *request.mutable_worker() = Info();
  request.add_queues(kHandQueue);
  request.add_types(kHandType);
  request.set_max_tasks(Between(random_, 1, kMostTasks));
  *request.mutable_wait() = ToProto(kPark);
  v1::RequestTaskResponse response;
  const int64_t call = caller_.scribe().Begin(Op::kClaim);
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.RequestTask(&context, request, &response);
  });
  const Phase phase = caller_.Judge(status);
  std::vector<HistoryItem> items;
  if (phase == Phase::kOk) {
    for (const v1::LeasedTask& task : response.tasks()) {
      HistoryItem item;
      item.task = task.task_id();
      item.lease = static_cast<LeaseId>(task.lease_id());
      item.attempt = task.attempt();
      item.max_attempts = task.max_attempts();
      item.payload = HashOf(task.payload());
      items.push_back(std::move(item));
      Plan(task);
    }
  }
  caller_.scribe().End(call, Op::kClaim, phase, items);
}

void HandWorker::Plan(const v1::LeasedTask& task) {
  const absl::Time now = absl::Now();
  Report report{.due = now, .result = {}};
  v1::TaskResult& result = report.result;
  result.set_task_id(task.task_id());
  result.set_lease_id(task.lease_id());
  result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  result.set_result(absl::StrCat("result of lease ", task.lease_id()));
  const int kind = Between(random_, 1, 100);
  if (kind <= 3) return;  // forgotten
  if (kind <= 13) {
    result.set_outcome(v1::RESULT_OUTCOME_FAILED);
    result.clear_result();
    result.mutable_error()->set_message("broken by hand");
  } else if (kind <= 18) {
    result.set_outcome(v1::RESULT_OUTCOME_RELEASED);
    result.clear_result();
  } else if (kind <= 28) {
    report.due = now + lease_ * 1.7;  // somebody else has it by then, or nobody
  } else if (kind <= 33) {
    report.due = now + lease_ * 2.5;
    report.renewed = true;
  } else if (kind <= 40) {
    reports_.push_back(report);  // the same once more
    report.due = now + absl::Milliseconds(Between(random_, 0, 1500));
  } else if (kind <= 45) {
    reports_.push_back(report);
    report.due = now + absl::Milliseconds(Between(random_, 0, 500));
    result.set_result(absl::StrCat("another result of lease ", task.lease_id()));
  }
  reports_.push_back(std::move(report));
}

void HandWorker::SendDue() {
  const absl::Time now = absl::Now();
  const auto late = std::stable_partition(reports_.begin(), reports_.end(),
                                          [&](const Report& report) { return report.due > now; });
  // What was planned first goes first.
  std::vector<v1::TaskResult> results;
  for (auto report = late; report != reports_.end(); ++report) results.push_back(report->result);
  if (results.empty()) return;
  if (Send(results)) {
    reports_.erase(late, reports_.end());
    return;
  }
  for (auto report = late; report != reports_.end(); ++report) {
    report->due = now + absl::Milliseconds(Between(random_, 50, 400));
  }
}

bool HandWorker::Send(const std::vector<v1::TaskResult>& results) {
  v1::SubmitResultRequest request;
  *request.mutable_worker() = Info();
  request.mutable_results()->Assign(results.begin(), results.end());
  v1::SubmitResultResponse response;
  std::vector<HistoryItem> items = ItemsOf(results);
  const int64_t call = caller_.scribe().Begin(Op::kResult, items);
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.SubmitResult(&context, request, &response);
  });
  const Phase phase = caller_.Judge(status);
  if (phase == Phase::kOk) {
    items.resize(response.statuses_size());
    for (int i = 0; i < response.statuses_size(); ++i) {
      items[i].status = static_cast<ResultStatus>(response.statuses(i));
    }
  }
  caller_.scribe().End(call, Op::kResult, phase, items);
  return phase == Phase::kOk;
}

void HandWorker::Renew() {
  v1::HeartbeatRequest request;
  *request.mutable_worker() = Info();
  for (const Report& report : reports_) {
    if (!report.renewed) continue;
    v1::HeldTask* held = request.add_held();
    held->set_task_id(report.result.task_id());
    held->set_lease_id(report.result.lease_id());
  }
  if (request.held_size() == 0) return;
  v1::HeartbeatResponse response;
  // Has no part in the history: what it changes shows in the claims of others.
  caller_
      .Call(kTimeout,
            [&](Stub& stub, grpc::ClientContext& context) {
              return stub.Heartbeat(&context, request, &response);
            })
      .IgnoreError();
}

}  // namespace tarea
