#ifndef TAREA_TESTS_CHAOS_VERDICT_H_
#define TAREA_TESTS_CHAOS_VERDICT_H_

#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "tests/chaos/options.h"
#include "tests/history/history.h"

namespace tarea {

// What came out of a run.
struct Verdict {
  std::vector<std::string> broken;
  std::map<std::string, int64_t> counts;
};

// Reads the histories, puts them into one order, and has them checked against what is stored. An
// error if one cannot be read.
absl::Status CheckHistory(const std::vector<std::string>& files,
                          const std::vector<HistoryItem>& stored, bool forgets, Verdict& verdict);

// Adds to `broken` what did not happen although a run of this length should have seen it: a run
// that stood nothing proves nothing.
void RequireEvents(const ChaosOptions& options, Verdict& verdict);

void Print(const Verdict& verdict, std::ostream& out);

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_VERDICT_H_
