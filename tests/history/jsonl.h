#ifndef TAREA_TESTS_HISTORY_JSONL_H_
#define TAREA_TESTS_HISTORY_JSONL_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tests/history/history.h"

namespace tarea {

// One event as one line of JSON, with its newline. Fields that are as they are by default are left
// out.
std::string ToJsonLine(const HistoryEvent& event);

// The events of such lines, in their order, appended to `events`. A last line without its newline,
// as a process leaves behind that is killed while it writes, is skipped. INVALID_ARGUMENT names the
// first line that is no event; those before it are there.
absl::Status ParseJsonLines(absl::string_view text, std::vector<HistoryEvent>& events);

// Puts the events of several processes into one order: that of time, and in one instant calls
// before answers, so that what may have happened side by side is taken to have.
void SortByTime(std::vector<HistoryEvent>& events);

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_JSONL_H_
