#ifndef TAREA_TESTS_CHAOS_OPTIONS_H_
#define TAREA_TESTS_CHAOS_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/time/time.h"

namespace tarea {

struct ChaosOptions {
  uint64_t seed = 0;
  // How long faults come. A run takes somewhat longer.
  absl::Duration duration = absl::Minutes(1);
  // How long everything may take to finish once no more faults come.
  absl::Duration settle = absl::Seconds(90);
  // Leaves the master's process alive, forgets what is finished, and looks at what it uses.
  bool soak = false;
  // Where everything is written, and stays. Empty: a temporary directory, which is removed if all
  // is well.
  std::string keep = {};
  absl::Duration lease = absl::Seconds(1);
  int workers = 3;
  int clients = 3;
  int hand_workers = 2;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_OPTIONS_H_
