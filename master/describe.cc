#include "master/describe.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

const char* Name(ResultOutcome outcome) {
  switch (outcome) {
    case ResultOutcome::kSucceeded:
      return "succeeded";
    case ResultOutcome::kFailed:
      return "failed";
    case ResultOutcome::kTimedOut:
      return "timed out";
    case ResultOutcome::kCancelled:
      return "cancelled";
    case ResultOutcome::kReleased:
      return "given back";
  }
  return "";
}

}  // namespace

std::string Describe(const std::vector<LeasedTask>& tasks) {
  if (tasks.size() == 1) return absl::StrCat("task ", tasks[0].task_id, " (", tasks[0].type, ")");
  const auto [first, last] = std::minmax_element(
      tasks.begin(), tasks.end(),
      [](const LeasedTask& a, const LeasedTask& b) { return a.task_id < b.task_id; });
  return absl::StrCat(tasks.size(), " tasks (", first->task_id, "..", last->task_id, ")");
}

std::string Describe(const std::vector<TaskResult>& results,
                     const std::vector<ResultStatus>& statuses) {
  std::array<int, 6> counts = {};
  int dropped = 0;
  for (size_t i = 0; i < results.size(); ++i) {
    if (statuses[i] == ResultStatus::kRecorded) {
      counts[static_cast<int>(results[i].outcome)]++;
    } else {
      dropped++;
    }
  }
  std::string text = results.size() == 1 ? absl::StrCat("result of task ", results[0].task_id, ":")
                                         : absl::StrCat(results.size(), " results:");
  const char* separator = " ";
  for (int outcome = 1; outcome <= 5; ++outcome) {
    if (counts[outcome] == 0) continue;
    absl::StrAppend(&text, separator, results.size() == 1 ? "" : absl::StrCat(counts[outcome], " "),
                    Name(static_cast<ResultOutcome>(outcome)));
    separator = ", ";
  }
  if (dropped > 0) absl::StrAppend(&text, separator, dropped, " stale or unknown, dropped");
  return text;
}

}  // namespace tarea
