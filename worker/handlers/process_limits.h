#ifndef TAREA_WORKER_HANDLERS_PROCESS_LIMITS_H_
#define TAREA_WORKER_HANDLERS_PROCESS_LIMITS_H_

#include <cstdint>

namespace tarea {

// What a process may use (setrlimit(2)). Its children inherit that, but each has its own account:
// these limits hold for every single process of a command, not for all of them together. 0 means no
// limit.
struct ProcessLimits {
  int64_t memory_bytes = 0;  // address space: beyond it allocations fail
  int64_t cpu_seconds = 0;   // beyond it SIGXCPU, and SIGKILL a second later
  int64_t file_bytes = 0;    // of each file that it writes; beyond it SIGXFSZ
};

// The smaller of both in each.
ProcessLimits Tighter(const ProcessLimits& a, const ProcessLimits& b);

// Sets the limits of the calling process, which cannot raise them again. Those it has already count
// too. False and errno if the system refuses. Async-signal-safe.
bool ApplyLimits(const ProcessLimits& limits);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_PROCESS_LIMITS_H_
