#include "worker/handlers/sleep.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

absl::StatusOr<absl::Duration> Parse(absl::string_view payload) {
  // Changes no duration, and makes anything else safe to show.
  const std::string text = Printable(payload, 64);
  absl::StatusOr<absl::Duration> duration = ParseDuration(text);
  if (duration.ok() &&
      (*duration < absl::ZeroDuration() || *duration == absl::InfiniteDuration())) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' is no time to sleep; it must be 0 or more, and end"));
  }
  return duration;
}

}  // namespace

absl::StatusOr<std::string> Sleep(const v1::LeasedTask& task, TaskContext& context) {
  const absl::StatusOr<absl::Duration> duration = Parse(task.payload());
  if (!duration.ok()) return NonRetryable(duration.status());
  const std::string whole = absl::FormatDuration(*duration);
  // Heartbeats are seldom; there is no use in being faster than they are.
  const absl::Duration step = std::max(*duration / 100, absl::Seconds(1));
  for (absl::Duration slept; slept < *duration; slept += step) {
    context.SetProgress(absl::FDivDuration(slept, *duration),
                        absl::StrCat("slept ", absl::FormatDuration(slept), " of ", whole));
    if (!context.SleepFor(std::min(step, *duration - slept))) {
      return absl::CancelledError(absl::StrCat("stopped before ", whole, " were over"));
    }
  }
  return absl::StrCat("slept ", whole);
}

}  // namespace tarea
