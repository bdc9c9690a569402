// What a message costs on its way between the wire and the store, without the network: 1,000 tasks
// each.
//
//     build/bin/message_benchmark

#include <benchmark/benchmark.h>

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "master/limits.h"
#include "master/request_validation.h"
#include "master/translate.h"
#include "proto/tasks.pb.h"

namespace tarea {
namespace {

constexpr int kTasks = 1000;

v1::SubmitTasksRequest Submission() {
  v1::SubmitTasksRequest request;
  request.set_request_id("0123456789abcdef0123456789abcdef");
  for (int i = 0; i < kTasks; ++i) {
    v1::TaskSpec& task = *request.add_tasks();
    task.set_type("noop");
    task.set_payload(std::string(100, 'x'));
  }
  return request;
}

v1::SubmitResultRequest Results() {
  v1::SubmitResultRequest request;
  request.mutable_worker()->set_id("worker-1-0123456789abcdef");
  for (int i = 0; i < kTasks; ++i) {
    v1::TaskResult& result = *request.add_results();
    result.set_task_id(1'000'000 + i);
    result.set_lease_id((uint64_t{1} << 40) + i);
    result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
  }
  return request;
}

std::vector<LeasedTask> Leased() {
  std::vector<LeasedTask> tasks(kTasks);
  for (LeasedTask& task : tasks) {
    task.task_id = 1'000'000;
    task.batch_id = 1000;
    task.lease_id = int64_t{1} << 40;
    task.attempt = 1;
    task.max_attempts = 3;
    task.type = "noop";
    task.queue = "default";
    task.payload = std::string(100, 'x');
  }
  return tasks;
}

void CountTasks(benchmark::State& state) { state.SetItemsProcessed(state.iterations() * kTasks); }

// From the wire to a message.
template <typename Message>
void Parse(benchmark::State& state, const Message& message) {
  const std::string bytes = message.SerializeAsString();
  for (auto _ : state) {
    Message parsed;
    if (!parsed.ParseFromString(bytes)) state.SkipWithError("not parsed");
    benchmark::DoNotOptimize(parsed);
  }
  CountTasks(state);
}

void BM_ParseSubmission(benchmark::State& state) { Parse(state, Submission()); }
BENCHMARK(BM_ParseSubmission);

void BM_ParseResults(benchmark::State& state) { Parse(state, Results()); }
BENCHMARK(BM_ParseResults);

// From a message to what the store takes.
void BM_CheckSubmission(benchmark::State& state) {
  const v1::SubmitTasksRequest request = Submission();
  const Limits limits;
  for (auto _ : state) benchmark::DoNotOptimize(ParseSubmitTasks(request, limits));
  CountTasks(state);
}
BENCHMARK(BM_CheckSubmission);

void BM_CheckResults(benchmark::State& state) {
  const v1::SubmitResultRequest request = Results();
  const Limits limits;
  for (auto _ : state) benchmark::DoNotOptimize(tarea::ParseResults(request, limits));
  CountTasks(state);
}
BENCHMARK(BM_CheckResults);

// From what the store has leased to the wire.
void BM_Assign(benchmark::State& state) {
  const std::vector<LeasedTask> tasks = Leased();
  for (auto _ : state) {
    v1::RequestTaskResponse response;
    for (LeasedTask task : tasks) ToProto(std::move(task), response.add_tasks());
    benchmark::DoNotOptimize(response.SerializeAsString());
  }
  CountTasks(state);
}
BENCHMARK(BM_Assign);

}  // namespace
}  // namespace tarea
