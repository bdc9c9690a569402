#ifndef TAREA_BENCH_WHOLE_H_
#define TAREA_BENCH_WHOLE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/report.h"
#include "client/client.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Tasks to submit and then to drain.
struct Load {
  // Path of the master's program.
  std::string master;
  std::vector<v1::TaskSpec> tasks;
  // All that the tasks go to.
  std::vector<std::string> queues = {"default"};
  // Flags of the master.
  std::vector<std::string> master_flags = {};
  // Flags of each worker; one process each.
  std::vector<std::vector<std::string>> workers = {{}, {}, {}, {}};
  // The attempts that all tasks take together, and what each returns.
  int64_t attempts = 0;
  std::string result = {};
  // Where it says 1,000 tasks a call below.
  ClientOptions client = {.max_call_tasks = 1000};
};

// How long both phases took, and the processor time of both.
struct Whole {
  int64_t tasks = 0;
  absl::Duration submit;
  absl::Duration drain;
  absl::Duration master_cpu;
  absl::Duration workers_cpu;
  absl::Duration client_cpu;

  double submit_rate() const;
  double drain_rate() const;
  double whole_rate() const;
  double cpu_us(absl::Duration cpu) const;  // per task
};

// Runs a load on a master of its own: one client submits all tasks as one batch, 1,000 a call, to
// queues that are paused. Then workers are started, and when all of them wait the queues are
// resumed and the second phase begins; it ends when the batch is finished. Afterwards reads all
// results, and answers with an error if one is not what it should be.
absl::StatusOr<Whole> MeasureWhole(Load load, const Findings& findings);

}  // namespace tarea

#endif  // TAREA_BENCH_WHOLE_H_
