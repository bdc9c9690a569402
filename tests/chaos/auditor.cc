#include "tests/chaos/auditor.h"

#include "absl/time/time.h"
#include "tests/chaos/tasks.h"

namespace tarea {
namespace {

using Op = HistoryEvent::Op;
using Phase = HistoryEvent::Phase;

constexpr absl::Duration kTimeout = absl::Seconds(5);
constexpr int kPage = 500;

}  // namespace

void Auditor::Run() {
  while (!caller_.stopped()) {
    if (const absl::StatusOr<int64_t> unfinished = CountUnfinished(); unfinished.ok()) {
      known_.unfinished = *unfinished;
      ReadLatest();
    }
    caller_.Pause(absl::Milliseconds(500));
  }
}

absl::StatusOr<int64_t> Auditor::CountUnfinished() {
  v1::GetStatsResponse response;
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.GetStats(&context, {}, &response);
  });
  if (!status.ok()) return status;
  const v1::Counts& counts = response.counts();
  return counts.blocked() + counts.scheduled() + counts.ready() + counts.running();
}

absl::Status Auditor::ReadPage(v1::ListTasksRequest& request, std::vector<HistoryItem>& items) {
  request.set_page_size(kPage);
  request.set_with_result(true);
  v1::ListTasksResponse response;
  const int64_t call = caller_.scribe().Begin(Op::kRead);
  const absl::Status status = caller_.Call(kTimeout, [&](Stub& stub, grpc::ClientContext& context) {
    return stub.ListTasks(&context, request, &response);
  });
  items.clear();
  for (const v1::Task& task : response.tasks()) items.push_back(ItemOf(task));
  caller_.scribe().End(call, Op::kRead, caller_.Judge(status), items);
  request.set_page_token(response.next_page_token());
  return status;
}

void Auditor::ReadLatest() {
  v1::ListTasksRequest request;
  request.set_newest_first(true);
  std::vector<HistoryItem> items;
  for (int read = 0; read < window_; read += kPage) {
    if (!ReadPage(request, items).ok() || request.page_token().empty()) return;
  }
}

absl::StatusOr<std::vector<HistoryItem>> Auditor::ReadAll() {
  v1::ListTasksRequest request;
  request.set_with_payload(true);
  std::vector<HistoryItem> all;
  std::vector<HistoryItem> items;
  do {
    if (absl::Status status = ReadPage(request, items); !status.ok()) return status;
    all.insert(all.end(), items.begin(), items.end());
  } while (!request.page_token().empty());
  return all;
}

}  // namespace tarea
