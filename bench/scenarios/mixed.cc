#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"
#include "bench/whole.h"
#include "common/convert.h"

namespace tarea {
namespace {

constexpr int kQueues = 100;
constexpr int kWorkers = 4;
constexpr absl::Duration kLongestDelay = absl::Seconds(1);
constexpr absl::Duration kBackoff = absl::Milliseconds(10);

std::string QueueName(int64_t number) { return absl::StrCat("q", number); }

// Of ten tasks one is for a queue of its own kind, with a priority and a delay; of twenty another
// one fails once. No chance in it: every run has the same tasks.
Load MakeLoad(const std::string& master, int64_t count) {
  Load load{.master = master, .tasks = MakeTasks(count, "noop"), .attempts = count};
  for (int64_t i = 0; i < count; ++i) {
    v1::TaskSpec& task = load.tasks[static_cast<size_t>(i)];
    if (i % 10 == 0) {
      const int64_t number = i / 10;
      task.set_queue(QueueName(number % kQueues));
      task.set_priority(static_cast<int32_t>(number % 201) - 100);
      *task.mutable_delay() = ToProto(kLongestDelay * (number % 11) / 10);
    } else if (i % 20 == 5) {
      task.set_type("flaky");
      *task.mutable_retry()->mutable_initial_backoff() = ToProto(kBackoff);
      ++load.attempts;
    }
  }
  // A worker takes from 64 queues at most.
  load.workers.assign(kWorkers, {});
  std::vector<std::vector<std::string>> taken(kWorkers, {"default"});
  for (int i = 0; i < kQueues; ++i) {
    load.queues.push_back(QueueName(i));
    taken[static_cast<size_t>(i % kWorkers)].push_back(QueueName(i));
  }
  for (int i = 0; i < kWorkers; ++i) {
    const auto worker = static_cast<size_t>(i);
    load.workers[worker] = {"--queues", absl::StrJoin(taken[worker], ",")};
  }
  return load;
}

}  // namespace

absl::Status RunMixed(const ScenarioOptions& options, Findings& findings) {
  // Measured anew, just before what is compared with it.
  findings.Say("first without all that");
  const absl::StatusOr<Whole> plain = MeasureWhole({.master = options.master,
                                                    .tasks = MakeTasks(options.tasks, "noop"),
                                                    .attempts = options.tasks},
                                                   findings);
  if (!plain.ok()) return plain.status();
  const absl::StatusOr<Whole> whole =
      MeasureWhole(MakeLoad(options.master, options.tasks), findings);
  if (!whole.ok()) return whole.status();
  findings.Add("whole, not mixed", plain->whole_rate(), "/s");
  findings.Add("submit, mixed", whole->submit_rate(), "/s");
  findings.Add("drain, mixed", whole->drain_rate(), "/s");
  findings.Add("whole, mixed", whole->whole_rate(), "/s");
  findings.Add("master's CPU per task, mixed", whole->cpu_us(whole->master_cpu), "us");
  findings.Add("workers' CPU per task, mixed", whole->cpu_us(whole->workers_cpu), "us");
  findings.Add("whole, mixed / not mixed", whole->whole_rate() / plain->whole_rate(), "x",
               AtLeast(0.8));
  return absl::OkStatus();
}

}  // namespace tarea
