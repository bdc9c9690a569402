#include "bench/whole.h"

#include <unistd.h>

#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "bench/measure.h"
#include "bench/setup.h"

namespace tarea {
namespace {

// That every result is there, recorded once, and right.
absl::Status CheckResults(Client& client, int64_t batch_id, const Load& load, int64_t count) {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch_id);
  request.set_page_size(1000);
  request.set_with_result(true);
  int64_t seen = 0;
  int64_t attempts = 0;
  absl::Status wrong;
  const absl::Status listed = client.List(request, [&](const v1::Task& task) {
    ++seen;
    attempts += task.attempt();
    if (task.state() != v1::TASK_STATE_SUCCEEDED || task.result() != load.result) {
      wrong = absl::InternalError(absl::StrCat("task ", task.id(), " should have succeeded with ",
                                               load.result.size(), " bytes; it is ",
                                               task.ShortDebugString()));
    }
    return wrong.ok();
  });
  if (!listed.ok()) return listed;
  if (!wrong.ok()) return wrong;
  if (seen != count || attempts != load.attempts) {
    return absl::InternalError(absl::StrCat(count, " tasks with ", load.attempts,
                                            " attempts should be there; found ", seen, " with ",
                                            attempts));
  }
  return absl::OkStatus();
}

absl::Status Drain(Setup& setup, const std::vector<std::string>& queues, int64_t batch_id,
                   int64_t total) {
  // All at once: one after the other they would wait behind the work of those before.
  std::vector<absl::Status> resumed(queues.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < queues.size(); ++i) {
    threads.emplace_back([&, i] { resumed[i] = setup.client().ResumeQueue(queues[i]); });
  }
  for (std::thread& thread : threads) thread.join();
  for (const absl::Status& status : resumed) {
    if (!status.ok()) return status;
  }
  return AwaitDone(total, [&]() -> absl::StatusOr<int64_t> {
    const absl::StatusOr<v1::Batch> batch = setup.client().GetBatch(batch_id);
    if (!batch.ok()) return batch.status();
    return batch->has_finished_at() ? total : std::min(batch->counts().succeeded(), total - 1);
  });
}

}  // namespace

double Whole::submit_rate() const { return PerSecond(static_cast<double>(tasks), submit); }
double Whole::drain_rate() const { return PerSecond(static_cast<double>(tasks), drain); }
double Whole::whole_rate() const { return PerSecond(static_cast<double>(tasks), submit + drain); }
double Whole::cpu_us(absl::Duration cpu) const {
  return absl::ToDoubleMicroseconds(cpu) / static_cast<double>(tasks);
}

absl::StatusOr<Whole> MeasureWhole(Load load, const Findings& findings) {
  Setup setup(load.master, load.client);
  if (absl::Status status = setup.StartMaster(load.master_flags); !status.ok()) return status;
  for (const std::string& queue : load.queues) {
    if (absl::Status status = setup.client().PauseQueue(queue); !status.ok()) return status;
  }
  Whole whole;
  whole.tasks = static_cast<int64_t>(load.tasks.size());
  const std::string count = WithCommas(whole.tasks);
  findings.Say(absl::StrCat("submitting ", count, " tasks, ",
                            WithCommas(load.client.max_call_tasks), " a call"));
  const absl::Duration client_before = CpuTime(getpid());
  absl::Duration master_before = setup.MasterCpu();
  const Stopwatch submit;
  const absl::StatusOr<Submission> batch = setup.client().Submit("", std::move(load.tasks));
  whole.submit = submit.Elapsed();
  whole.client_cpu = CpuTime(getpid()) - client_before;
  whole.master_cpu = setup.MasterCpu() - master_before;
  if (!batch.ok()) return batch.status();

  for (const std::vector<std::string>& flags : load.workers) {
    if (absl::Status status = setup.StartWorkers(1, flags); !status.ok()) return status;
  }
  findings.Say(absl::StrCat("draining them with ", load.workers.size(), " workers"));
  master_before = setup.MasterCpu();
  const absl::Duration workers_before = setup.WorkersCpu();
  const Stopwatch drain;
  absl::Status drained = Drain(setup, load.queues, batch->batch_id, whole.tasks);
  whole.drain = drain.Elapsed();
  if (!drained.ok()) return drained;
  whole.master_cpu += setup.MasterCpu() - master_before;
  whole.workers_cpu = setup.WorkersCpu() - workers_before;

  findings.Say("reading the results");
  absl::Status right = CheckResults(setup.client(), batch->batch_id, load, whole.tasks);
  if (!right.ok()) return right;
  return whole;
}

}  // namespace tarea
