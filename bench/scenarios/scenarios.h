#ifndef TAREA_BENCH_SCENARIOS_SCENARIOS_H_
#define TAREA_BENCH_SCENARIOS_SCENARIOS_H_

#include <cstdint>

#include "absl/status/status.h"
#include "bench/report.h"

// What is measured, one file each. Every scenario starts what it needs and leaves nothing behind.
namespace tarea {

// How much of it.
struct ScenarioOptions {
  int64_t tasks = 200'000;
};

struct Scenario {
  const char* name;
  const char* what;  // for --help
  absl::Status (*run)(const ScenarioOptions& options, Findings& findings);
};

// Submits no-op tasks, 1,000 a call, and drains them with four worker processes; the same with a
// fifth of them, and with results. Floor: bare SQLite.
absl::Status RunThroughput(const ScenarioOptions& options, Findings& findings);

// One task at a time, until its worker or its submitter knows that it is done. Floor: two bare
// echoes and two syncs.
absl::Status RunLatency(const ScenarioOptions& options, Findings& findings);

inline constexpr Scenario kScenarios[] = {
    {"throughput", "no-op tasks, 1,000 a call, four workers", RunThroughput},
    {"latency", "one task at a time", RunLatency},
};

}  // namespace tarea

#endif  // TAREA_BENCH_SCENARIOS_SCENARIOS_H_
