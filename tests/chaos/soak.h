#ifndef TAREA_TESTS_CHAOS_SOAK_H_
#define TAREA_TESTS_CHAOS_SOAK_H_

#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/programs.h"
#include "tests/chaos/usage.h"
#include "tests/chaos/verdict.h"

namespace tarea {

// Looks every few seconds at what the master and one worker use, and whether that is flat in the
// end. Both must live as long: what a process uses goes with it, and with it the proof of a leak.
class Soak {
 public:
  // The programs must outlive it. Each sample is a line in the file `csv`; those of the `warm_up`
  // are nothing else: caches fill then, and the database grows to what retention holds.
  Soak(std::string data, const Program& master, const Program& worker, const std::string& csv,
       absl::Duration warm_up);

  // Takes a sample if it is time.
  void Tick();
  // Takes no more: the load ends.
  void Stop() { stopped_ = true; }

  // Adds what grew to what is broken.
  void Judge(Verdict& verdict) const;

 private:
  const std::string data_;
  const Program& master_;
  const Program& worker_;
  std::ofstream csv_;
  const absl::Time counts_from_;
  absl::Time next_ = absl::InfinitePast();
  bool stopped_ = false;
  std::vector<Series> series_;
  int64_t longest_log_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_SOAK_H_
