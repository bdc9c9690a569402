#include "worker/status_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <optional>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

std::string Rounded(absl::Duration duration) {
  const absl::Duration unit =
      duration < absl::Seconds(10) ? absl::Milliseconds(1) : absl::Seconds(1);
  return absl::FormatDuration(absl::Trunc(duration, unit));
}

std::string TaskLine(const HeldTask& task) {
  std::string line = absl::StrCat(task.Name(), " runs for ", Rounded(task.RanFor()));
  if (const std::optional<v1::Progress> progress = task.progress()) {
    absl::StrAppend(&line, fmt::format(": {:.0f}%", 100 * progress->fraction()));
    // Whoever sets a progress has made it printable.
    if (!progress->message().empty()) absl::StrAppend(&line, ", ", progress->message());
  }
  if (task.stopped()) absl::StrAppend(&line, "; was told to stop");
  return line;
}

}  // namespace

std::vector<std::string> StatusReport::Lines() const {
  std::vector<std::string> lines;
  lines.push_back(absl::StrCat(
      held.running.size(), " of ", CountOf(slots, "slot"), " busy; ", CountOf(held.waiting, "task"),
      " fetched ahead, ", CountOf(held.unsent, "result"), " not yet sent; ",
      connected_to.empty() ? "no master answers" : absl::StrCat("connected to ", connected_to)));
  lines.push_back(absl::StrCat("in ", Rounded(up), ": ", totals.ToString()));
  for (const std::shared_ptr<HeldTask>& task : held.running) {
    if (std::ssize(lines) == kMostTasks + 2) {
      lines.push_back(
          absl::StrCat("and ", CountOf(std::ssize(held.running) - kMostTasks, "more task")));
      break;
    }
    lines.push_back(TaskLine(*task));
  }
  return lines;
}

}  // namespace tarea
