#include "worker/handlers/process_limits.h"

#include <sys/resource.h>

#include <algorithm>

namespace tarea {
namespace {

int64_t Tighter(int64_t a, int64_t b) { return a == 0 || (b != 0 && b < a) ? b : a; }

// `grace` is what is between the limit that warns and the one that kills.
bool Apply(__rlimit_resource resource, int64_t value, rlim_t grace) {
  if (value == 0) return true;
  rlimit limit;
  if (getrlimit(resource, &limit) != 0) return false;
  // Whoever is not root cannot raise what is there.
  const rlim_t wanted = static_cast<rlim_t>(value);
  limit.rlim_max = std::min(limit.rlim_max, wanted + grace);
  limit.rlim_cur = std::min(limit.rlim_max, wanted);
  return setrlimit(resource, &limit) == 0;
}

}  // namespace

ProcessLimits Tighter(const ProcessLimits& a, const ProcessLimits& b) {
  return {.memory_bytes = Tighter(a.memory_bytes, b.memory_bytes),
          .cpu_seconds = Tighter(a.cpu_seconds, b.cpu_seconds),
          .file_bytes = Tighter(a.file_bytes, b.file_bytes)};
}

bool ApplyLimits(const ProcessLimits& limits) {
  return Apply(RLIMIT_CPU, limits.cpu_seconds, 1) && Apply(RLIMIT_FSIZE, limits.file_bytes, 0) &&
         Apply(RLIMIT_AS, limits.memory_bytes, 0);
}

}  // namespace tarea
