#ifndef TAREA_BENCH_SCENARIOS_SCENARIOS_H_
#define TAREA_BENCH_SCENARIOS_SCENARIOS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "bench/report.h"

// What is measured, one file each. Every scenario starts what it needs and leaves nothing behind.
namespace tarea {

// Of what, and how much of it.
struct ScenarioOptions {
  std::string master;            // path of the program
  int64_t tasks = 200'000;       // of throughput, mixed and tls
  int64_t backlog = 10'000'000;  // that wait, at least 200,000
  int idle_workers = 2000;
};

struct Scenario {
  const char* name;
  const char* what;  // for --help
  absl::Status (*run)(const ScenarioOptions& options, Findings& findings);
};

// Submits no-op tasks, 1,000 a call, and drains them with four worker processes; the same with a
// fifth of them, and with results. Floor: bare SQLite.
absl::Status RunThroughput(const ScenarioOptions& options, Findings& findings);

// 64 threads, each with a client of its own, submit one task a call. Floor: as many threads that
// call a bare echo.
absl::Status RunUnbatched(const ScenarioOptions& options, Findings& findings);

// One task at a time, until its worker or its submitter knows that it is done. Floor: two bare
// echoes and two syncs.
absl::Status RunLatency(const ScenarioOptions& options, Findings& findings);

// Drains a little of a backlog, by turns with as much of one of 10,000; how much memory the master
// takes, and how long it takes to go on after kill -9 and SIGTERM.
absl::Status RunBacklog(const ScenarioOptions& options, Findings& findings);

// What many workers without work cost the master and others.
absl::Status RunIdleWorkers(const ScenarioOptions& options, Findings& findings);

// The same tasks, but some with priorities, delays, queues of their own and failures; compared with
// none of that.
absl::Status RunMixed(const ScenarioOptions& options, Findings& findings);

// The same tasks with TLS and certificates on both sides; compared with none of that.
absl::Status RunTls(const ScenarioOptions& options, Findings& findings);

// Payloads of 1 MiB. Floor: writing blocks of 1 MiB to the same disk.
absl::Status RunPayload(const ScenarioOptions& options, Findings& findings);

inline constexpr Scenario kScenarios[] = {
    {"throughput", "no-op tasks, 1,000 a call, four workers", RunThroughput},
    {"mixed", "the same, some with priorities, delays, failures", RunMixed},
    {"tls", "the same, encrypted", RunTls},
    {"unbatched", "64 threads submit single tasks", RunUnbatched},
    {"latency", "one task at a time", RunLatency},
    {"idle-workers", "two thousand workers without work", RunIdleWorkers},
    {"payload", "payloads of 1 MiB", RunPayload},
    {"backlog", "millions of tasks wait; the master is killed", RunBacklog},
};

}  // namespace tarea

#endif  // TAREA_BENCH_SCENARIOS_SCENARIOS_H_
