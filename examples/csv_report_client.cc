// The client that goes with csv_report_worker.cc: one task per file; prints the reports as they
// come.
//
//   build/bin/csv_report_client 127.0.0.1:50051 region amount sales.csv more.csv
#include <iostream>
#include <string>
#include <vector>

#include "client/client.h"
#include "client/typed_task.h"
#include "examples/csv_report.h"

namespace {

void Print(const tarea::v1::Task& task, bool& all_succeeded) {
  const std::string& file = task.spec().labels().at("file");
  const absl::StatusOr<CsvReport> report = tarea::TypedResult<CsvReport>(task);
  if (!report.ok()) {
    all_succeeded = false;
    std::cout << file << ": " << report.status().message() << "\n";
    return;
  }
  std::cout << file << ": " << report->rows << " rows\n";
  for (const auto& [group, total] : report->totals) {
    std::cout << "  " << group << " " << total << "\n";
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 5) {
    std::cerr << "usage: csv_report_client HOST:PORT GROUP_BY SUM FILE...\n";
    return 2;
  }
  std::vector<tarea::v1::TaskSpec> tasks;
  for (int i = 4; i < argc; ++i) {
    const CsvReportRequest request{.path = argv[i], .group_by = argv[2], .sum = argv[3]};
    absl::StatusOr<tarea::v1::TaskSpec> task = tarea::TypedTask("csv_report", request);
    if (!task.ok()) {
      std::cerr << task.status() << "\n";
      return 1;
    }
    task->mutable_retry()->set_max_attempts(2);
    (*task->mutable_labels())["file"] = argv[i];
    tasks.push_back(*std::move(task));
  }
  tarea::Client client({.masters = {argv[1]}});
  const absl::StatusOr<tarea::Submission> batch = client.Submit("csv reports", std::move(tasks));
  if (!batch.ok()) {
    std::cerr << batch.status() << "\n";
    return 1;
  }
  bool all_succeeded = true;
  const auto print_news = [&](const tarea::v1::WatchBatchResponse& news) {
    for (const tarea::v1::Task& task : news.tasks()) Print(task, all_succeeded);
    return absl::OkStatus();
  };
  const absl::Status status = client.Watch(batch->batch_id, {.with_result = true}, print_news);
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() && all_succeeded ? 0 : 1;
}
