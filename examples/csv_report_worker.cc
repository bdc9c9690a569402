// A worker of one's own: a typed handler (csv_report.cc) and a hook that counts.
//
//   build/bin/csv_report_worker --master 127.0.0.1:50051 --slots 2
#include <atomic>
#include <cstdint>
#include <iostream>

#include "examples/csv_report.h"
#include "worker/typed_handler.h"
#include "worker/worker_main.h"

int main(int argc, char** argv) {
  // Stands for whatever collects your metrics.
  std::atomic<int64_t> made = 0;
  std::atomic<int64_t> failed = 0;
  tarea::Observer counts;
  counts.after = [&](const auto& /*task*/, const auto& /*result*/, auto /*took*/) { ++made; };
  counts.on_error = [&](const auto& /*task*/, const auto& /*error*/, auto /*took*/) { ++failed; };

  const int exit_code = tarea::WorkerMain(
      argc, argv, {{"csv_report", tarea::Typed<CsvReportRequest, CsvReport>(MakeCsvReport)}},
      {.middleware = {tarea::Observe(counts)}});
  std::cerr << "reports made: " << made << ", failed attempts: " << failed << "\n";
  return exit_code;
}
