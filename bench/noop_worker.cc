#include "bench/noop_worker.h"

#include "worker/worker_main.h"

namespace tarea {
namespace {

absl::StatusOr<std::string> Noop(const v1::LeasedTask& /*task*/, TaskContext& /*context*/) {
  return std::string();
}

absl::StatusOr<std::string> Flaky(const v1::LeasedTask& task, TaskContext& /*context*/) {
  if (task.attempt() == 1) return absl::UnavailableError("as it should the first time");
  return std::string();
}

}  // namespace

int NoopWorkerMain(int argc, char** argv) {
  return WorkerMain(argc, argv, {{"noop", Noop}, {"flaky", Flaky}});
}

}  // namespace tarea
