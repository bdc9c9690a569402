#include "common/secret_memory.h"

#include <errno.h>
#include <spdlog/spdlog.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>

namespace tarea {

namespace {

void Warn() {
  spdlog::warn("others may read this process's memory, in a core dump for instance: {}",
               strerrordesc_np(errno));
}

}  // namespace

void HideMemory() {
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) Warn();
}

// Both: a limit of zero does not hold for a core that goes to a program, and what is not dumpable
// can be made so by the system's settings (fs.suid_dumpable).
void KeepSecretsInMemory() {
  HideMemory();
  const rlimit none = {.rlim_cur = 0, .rlim_max = 0};
  if (setrlimit(RLIMIT_CORE, &none) != 0) Warn();
}

}  // namespace tarea
