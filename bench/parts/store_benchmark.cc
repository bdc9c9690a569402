// What the embedded store costs per task, verb by verb and by how many tasks share a commit.
// Without the disk: the directory is in memory if the machine has one there (TMPDIR says
// otherwise).
//
//     build/bin/store_benchmark --benchmark_filter=Claim

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr absl::Duration kLease = absl::Seconds(30);
constexpr int kPayload = 100;

// A store of tasks that are as far along as a benchmark wants them.
class Bench {
 public:
  Bench() {
    SqliteOptions options;
    options.data_dir = dir_.path();
    store_ = *SqliteStore::Open(options);
  }

  Store& store() { return *store_; }

  void Insert(int64_t tasks) {
    InsertRequest request;
    request.tasks.resize(static_cast<size_t>(tasks));
    for (TaskSpec& task : request.tasks) {
      task.type = "noop";
      task.payload = std::string(kPayload, 'x');
    }
    Insert(request);
  }

  void Insert(const InsertRequest& request) {
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin();
    if (!transaction->Insert(kNow, request).ok() || !transaction->Commit().ok()) abort();
  }

  std::vector<LeasedTask> Claim(int tasks) {
    ClaimRequest request;
    request.worker = "w1";
    request.queues = {"default"};
    request.types = {"noop"};
    request.max_tasks = tasks;
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin(Sync::kLater);
    absl::StatusOr<std::vector<LeasedTask>> leased = transaction->Claim(kNow, kLease, request);
    if (!leased.ok() || !transaction->Commit().ok()) abort();
    return *std::move(leased);
  }

  void Complete(const std::vector<LeasedTask>& tasks) {
    std::vector<TaskResult> results;
    results.reserve(tasks.size());
    for (const LeasedTask& task : tasks) {
      TaskResult& result = results.emplace_back();
      result.task_id = task.task_id;
      result.lease_id = task.lease_id;
    }
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin();
    if (!transaction->Complete(kNow, results).ok() || !transaction->Commit().ok()) abort();
  }

  // Claims, and fails the first attempt of flaky tasks. Answers how many have succeeded.
  int64_t Work(absl::Time now, const ClaimRequest& request) {
    const std::unique_ptr<Store::Transaction> claim = store_->Begin(Sync::kLater);
    const absl::StatusOr<std::vector<LeasedTask>> leased = claim->Claim(now, kLease, request);
    if (!leased.ok() || !claim->Commit().ok()) abort();
    int64_t succeeded = 0;
    std::vector<TaskResult> results;
    for (const LeasedTask& task : *leased) {
      TaskResult& result = results.emplace_back();
      result.task_id = task.task_id;
      result.lease_id = task.lease_id;
      if (task.type == "flaky" && task.attempt == 1) {
        result.outcome = ResultOutcome::kFailed;
        result.error = {13, "flaky"};
      } else {
        succeeded++;
      }
    }
    std::sort(results.begin(), results.end(),
              [](const TaskResult& a, const TaskResult& b) { return a.task_id < b.task_id; });
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin();
    if (!transaction->Complete(now, results).ok() || !transaction->Commit().ok()) abort();
    return succeeded;
  }

  void Advance(absl::Time now) {
    const std::unique_ptr<Store::Transaction> transaction = store_->Begin();
    if (!transaction->Advance(now, 1000).ok() || !transaction->Commit().ok()) abort();
  }

 private:
  TempDir dir_;
  std::unique_ptr<Store> store_;
};

// All of them count tasks as items, so that `items_per_second` compares.
void CountTasks(benchmark::State& state) {
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_Insert(benchmark::State& state) {
  Bench bench;
  InsertRequest request;
  request.tasks.resize(static_cast<size_t>(state.range(0)));
  for (TaskSpec& task : request.tasks) {
    task.type = "noop";
    task.payload = std::string(kPayload, 'x');
  }
  for (auto _ : state) bench.Insert(request);
  CountTasks(state);
}
BENCHMARK(BM_Insert)->Arg(1)->Arg(16)->Arg(256)->Arg(1000);

// Of ten tasks one is for another queue, with a priority and a delay; one in twenty is of another
// type.
InsertRequest Mixed(int64_t tasks) {
  InsertRequest request;
  request.tasks.resize(static_cast<size_t>(tasks));
  for (size_t i = 0; i < request.tasks.size(); ++i) {
    TaskSpec& task = request.tasks[i];
    task.type = i % 20 == 5 ? "flaky" : "noop";
    task.payload = std::string(kPayload, 'x');
    if (i % 10 != 0) continue;
    task.queue = absl::StrCat("q", i / 10 % 100);
    task.priority = static_cast<int>(i / 10 % 201) - 100;
    task.delay = absl::Milliseconds(100 * (i / 10 % 11));
  }
  for (TaskSpec& task : request.tasks) {
    if (task.type == "flaky") task.retry.initial_backoff = absl::Milliseconds(10);
  }
  return request;
}

void BM_InsertMixed(benchmark::State& state) {
  Bench bench;
  const InsertRequest request = Mixed(state.range(0));
  for (auto _ : state) bench.Insert(request);
  CountTasks(state);
}
BENCHMARK(BM_InsertMixed)->Arg(1000);

// A claim of state.range(0) tasks while state.range(1) wait.
void BM_Claim(benchmark::State& state) {
  Bench bench;
  const int batch = static_cast<int>(state.range(0));
  for (int64_t waiting = 0; waiting < state.range(1); waiting += 10'000) bench.Insert(10'000);
  for (auto _ : state) {
    state.PauseTiming();
    bench.Insert(batch);
    state.ResumeTiming();
    benchmark::DoNotOptimize(bench.Claim(batch));
  }
  CountTasks(state);
}
BENCHMARK(BM_Claim)
    ->Args({1, 10'000})
    ->Args({16, 10'000})
    ->Args({256, 10'000})
    ->Args({1000, 10'000})
    ->Args({256, 1'000'000});

void BM_Complete(benchmark::State& state) {
  Bench bench;
  const int batch = static_cast<int>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    bench.Insert(batch);
    const std::vector<LeasedTask> tasks = bench.Claim(batch);
    state.ResumeTiming();
    bench.Complete(tasks);
  }
  CountTasks(state);
}
BENCHMARK(BM_Complete)->Arg(1)->Arg(16)->Arg(256)->Arg(1000);

// Inserted a thousand at a time, then claimed and completed by state.range(0).
void BM_Life(benchmark::State& state) {
  Bench bench;
  const int batch = static_cast<int>(state.range(0));
  for (auto _ : state) {
    for (int i = 0; i < batch; ++i) bench.Insert(1000);
    for (int i = 0; i < 1000; ++i) bench.Complete(bench.Claim(batch));
  }
  state.SetItemsProcessed(state.iterations() * batch * 1000);
}
BENCHMARK(BM_Life)->Arg(256)->Unit(benchmark::kMillisecond);

// The same with mixed tasks, of which the flaky ones fail once, and four workers with queues of
// their own.
void BM_LifeMixed(benchmark::State& state) {
  Bench bench;
  const InsertRequest submission = Mixed(1000);
  for (auto _ : state) {
    absl::Time now = kNow;
    for (int i = 0; i < 100; ++i) bench.Insert(submission);
    int64_t left = 100'000;
    for (int worker = 0; left > 0; worker = (worker + 1) % 4) {
      ClaimRequest request;
      request.worker = absl::StrCat("w", worker);
      request.queues = {"default"};
      for (int q = worker; q < 100; q += 4) request.queues.push_back(absl::StrCat("q", q));
      request.types = {"flaky", "noop"};
      request.max_tasks = 1000;
      now += absl::Milliseconds(5);
      left -= bench.Work(now, request);
      bench.Advance(now);
    }
  }
  state.SetItemsProcessed(state.iterations() * 100'000);
}
BENCHMARK(BM_LifeMixed)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tarea
