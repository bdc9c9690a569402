#include "worker/result_sender.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/status_grpc.h"

namespace tarea {
namespace {

// The master takes 10,000 results in a call, and 8 MiB (--max-message) with one result of 4 MiB
// (--max-result) in it.
constexpr size_t kMaxResults = 10'000;
constexpr size_t kMaxBytes = size_t{3} << 20;
constexpr absl::Duration kCallTimeout = absl::Seconds(10);

}  // namespace

std::string Totals::ToString() const {
  std::string text = absl::StrCat(CountOf(succeeded, "task"), " succeeded, ", failed, " failed, ");
  if (cancelled > 0) absl::StrAppend(&text, cancelled, " cancelled, ");
  absl::StrAppend(&text, given_back, " given back");
  if (dropped > 0) absl::StrAppend(&text, ", ", dropped, " dropped");
  return text;
}

ResultSender::ResultSender(const ConnectionOptions& masters, v1::WorkerInfo worker, HeldTasks* held)
    : worker_(std::move(worker)), held_(held), connection_(masters) {}

void ResultSender::Add(v1::TaskResult result) {
  const bool urgent = !held_->AnyWaiting();
  absl::MutexLock lock(&mu_);
  pending_.push_back(std::move(result));
  urgent_ = urgent_ || urgent;
}

v1::SubmitResultRequest ResultSender::AwaitPending() {
  v1::SubmitResultRequest request;
  absl::MutexLock lock(&mu_);
  const auto ready = [this]()
                         ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stopped_ || !pending_.empty(); };
  mu_.Await(absl::Condition(&ready));
  const auto enough = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return stopped_ || urgent_; };
  mu_.AwaitWithTimeout(absl::Condition(&enough), kGather);
  if (stopped_) return request;
  urgent_ = false;
  size_t count = 0;
  for (size_t bytes = 0; count < pending_.size() && count < kMaxResults; ++count) {
    bytes += pending_[count].ByteSizeLong();
    if (count > 0 && bytes > kMaxBytes) break;
    *request.add_results() = std::move(pending_[count]);
  }
  // The master keeps results of neighbouring tasks together if they come together.
  auto& results = *request.mutable_results();
  std::sort(
      results.pointer_begin(), results.pointer_end(),
      [](const v1::TaskResult* a, const v1::TaskResult* b) { return a->task_id() < b->task_id(); });
  pending_.erase(pending_.begin(), std::next(pending_.begin(), static_cast<std::ptrdiff_t>(count)));
  *request.mutable_worker() = worker_;
  return request;
}

void ResultSender::Run() {
  while (true) {
    v1::SubmitResultRequest request = AwaitPending();
    if (request.results_size() == 0) return;
    v1::SubmitResultResponse response;
    absl::Status status = Send(request, response);
    if (!status.ok() && !absl::IsCancelled(status) && DropOutput(request)) {
      status = Send(request, response);
    }
    if (absl::IsCancelled(status)) return;
    if (status.ok()) {
      Settle(request, response);
    } else {
      SendRefused(std::move(request), status);
    }
  }
}

absl::Status ResultSender::Send(const v1::SubmitResultRequest& request,
                                v1::SubmitResultResponse& response) {
  Outage outage(connection_);
  while (true) {
    absl::Status status =
        connection_.Attempt(kCallTimeout, [&](Stub& stub, grpc::ClientContext& context) {
          return stub.SubmitResult(&context, request, &response);
        });
    if (status.ok()) return status;
    // A full disk will have space again; the results are kept until then.
    if (absl::IsResourceExhausted(status) && !IsMessageTooLarge(status)) {
      status = absl::UnavailableError(status.message());
    }
    if (absl::Status end = outage.WaitToRetry(status); !end.ok()) return end;
  }
}

bool ResultSender::DropOutput(v1::SubmitResultRequest& request) {
  bool any = false;
  for (v1::TaskResult& result : *request.mutable_results()) {
    any = any || result.has_output();
    result.clear_output();
  }
  return any;
}

// The master refuses a call whole if one result in it is not acceptable, for instance too large.
// Its neighbours go by themselves; of itself it is told what is wrong.
void ResultSender::SendRefused(v1::SubmitResultRequest request, const absl::Status& refusal) {
  v1::SubmitResultRequest single;
  *single.mutable_worker() = worker_;
  for (v1::TaskResult& result : *request.mutable_results()) {
    single.clear_results();
    *single.add_results() = std::move(result);
    v1::SubmitResultResponse response;
    absl::Status status = refusal;
    if (request.results_size() > 1) status = Send(single, response);
    if (!status.ok() && !absl::IsCancelled(status)) {
      spdlog::error("task {}: the master refused its result: {}", single.results(0).task_id(),
                    Printable(status.ToString(), 1024));
      v1::TaskResult& refused = *single.mutable_results(0);
      refused.set_outcome(v1::RESULT_OUTCOME_FAILED);
      refused.clear_result();
      refused.set_non_retryable(true);
      refused.mutable_error()->set_code(static_cast<int>(status.code()));
      refused.mutable_error()->set_message(
          absl::StrCat("the result was refused: ", status.message()));
      status = Send(single, response);
    }
    if (absl::IsCancelled(status)) return;
    if (status.ok()) {
      Settle(single, response);
    } else {
      spdlog::error("task {}: dropped: {}", single.results(0).task_id(),
                    Printable(status.ToString(), 1024));
      held_->Forget(single.results(0).lease_id());
    }
  }
}

void ResultSender::Settle(const v1::SubmitResultRequest& request,
                          const v1::SubmitResultResponse& response) {
  // Before the tasks are forgotten: who waits for that may look at the totals.
  Count(request, response);
  int recorded = 0;
  for (int i = 0; i < request.results_size(); ++i) {
    const v1::TaskResult& result = request.results(i);
    if (response.statuses(i) == v1::RESULT_STATUS_RECORDED) {
      ++recorded;
    } else {
      spdlog::warn("task {}: result dropped, the lease is no longer current", result.task_id());
    }
    held_->Forget(result.lease_id());
  }
  if (request.results_size() == 1) {
    if (recorded == 1) spdlog::info("result of task {} recorded", request.results(0).task_id());
  } else {
    spdlog::info("{} recorded", CountOf(recorded, "result"));
  }
}

void ResultSender::Count(const v1::SubmitResultRequest& request,
                         const v1::SubmitResultResponse& response) {
  absl::MutexLock lock(&mu_);
  for (int i = 0; i < request.results_size(); ++i) {
    if (response.statuses(i) != v1::RESULT_STATUS_RECORDED) {
      ++totals_.dropped;
      continue;
    }
    switch (request.results(i).outcome()) {
      case v1::RESULT_OUTCOME_SUCCEEDED:
        ++totals_.succeeded;
        break;
      case v1::RESULT_OUTCOME_CANCELLED:
        ++totals_.cancelled;
        break;
      case v1::RESULT_OUTCOME_RELEASED:
        ++totals_.given_back;
        break;
      default:
        ++totals_.failed;
    }
  }
}

Totals ResultSender::totals() const {
  absl::MutexLock lock(&mu_);
  return totals_;
}

void ResultSender::Stop() {
  {
    absl::MutexLock lock(&mu_);
    stopped_ = true;
  }
  connection_.Interrupt();
}

}  // namespace tarea
