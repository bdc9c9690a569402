// What the master does for a task that a worker waits for, without gRPC: one thread submits,
// another polls and completes. On the disk of $TMPDIR.
//
//     build/bin/dispatcher_benchmark

#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "master/dispatcher.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

std::unique_ptr<Store> OpenStore(const std::string& dir, int64_t kind) {
  if (kind == 2) return std::make_unique<MemoryStore>(StoreLimits());
  SqliteOptions options;
  options.data_dir = dir;
  options.durability = kind == 0 ? Durability::kFsync : Durability::kOs;
  return *SqliteStore::Open(options);
}

// state.range(0): 0 fsync, 1 os, 2 in memory.
void BM_RoundTrip(benchmark::State& state) {
  TempDir dir;
  const std::unique_ptr<Store> store = OpenStore(dir.path(), state.range(0));
  MonotonicClock clock(store->last_time());
  Dispatcher dispatcher(store.get(), &clock, {}, [](const absl::Status&) { abort(); });
  if (!dispatcher.Start().ok()) abort();

  std::atomic<int64_t> done = 0;
  std::thread worker([&] {
    WorkerIdentity identity;
    identity.id = "w";
    ClaimRequest request;
    request.worker = "w";
    request.queues = {"default"};
    while (true) {
      const auto tasks =
          dispatcher.Request(identity, request, absl::Seconds(30), [] { return false; });
      if (!tasks.ok() || tasks->empty()) return;
      TaskResult result;
      result.task_id = tasks->front().task_id;
      result.lease_id = tasks->front().lease_id;
      if (!dispatcher.Complete(identity, {result}).ok()) abort();
      done++;
      done.notify_one();
    }
  });
  InsertRequest submission;
  submission.tasks.resize(1);
  submission.tasks[0].type = "noop";
  int64_t expected = 0;
  for (auto _ : state) {
    if (!dispatcher.Submit(submission).ok()) abort();
    ++expected;
    for (int64_t seen = done; seen < expected; seen = done) done.wait(seen);
  }
  dispatcher.Shutdown();
  worker.join();
}
BENCHMARK(BM_RoundTrip)->Arg(0)->Arg(1)->Arg(2)->UseRealTime();

}  // namespace
}  // namespace tarea
