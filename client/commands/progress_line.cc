#include "client/commands/progress_line.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/output.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(10);
constexpr absl::Duration kSampleEvery = absl::Milliseconds(200);
constexpr absl::Duration kFirstRate = absl::Milliseconds(500);
constexpr size_t kLongestBar = 30;
constexpr size_t kShortestBar = 8;

int64_t Total(const v1::Counts& counts) {
  return counts.blocked() + counts.scheduled() + counts.ready() + counts.running() +
         Finished(counts);
}

std::string RateText(double rate) {
  if (rate >= 10) return absl::StrFormat("%.0f/s", rate);
  if (rate >= 1) return absl::StrFormat("%.1f/s", rate);
  // Long tasks: by the minute or the hour.
  if (rate * 60 >= 1) return absl::StrFormat("%.1f/min", rate * 60);
  return absl::StrFormat("%.1f/h", rate * 3600);
}

// "" if it cannot be told.
std::string TimeLeft(const ProgressState& state) {
  const int64_t left = Total(state.counts) - Finished(state.counts);
  if (state.open || left == 0 || state.rate.value_or(0) <= 0) return "";
  const absl::Duration time = absl::Seconds(static_cast<double>(left) / *state.rate);
  if (time > absl::Hours(24 * 365)) return "";
  const int64_t seconds = absl::ToInt64Seconds(absl::Ceil(time, absl::Seconds(1)));
  return absl::StrCat(
      seconds < 60 ? absl::StrCat(seconds, "s") : ShortDuration(absl::Seconds(seconds)), " left");
}

// How many of `parts` are done; all only at the end.
int64_t Done(const ProgressState& state, int64_t parts) {
  const int64_t total = Total(state.counts);
  return total == 0 ? 0 : parts * Finished(state.counts) / total;
}

int Percent(const ProgressState& state) { return static_cast<int>(Done(state, 100)); }

std::string Bar(const ProgressState& state, size_t width) {
  const size_t inside = width - 2;
  const auto done = static_cast<size_t>(Done(state, static_cast<int64_t>(inside)));
  std::string bar(inside, ' ');
  std::fill_n(bar.begin(), done, '=');
  if (done > 0 && done < inside) bar[done - 1] = '>';
  return absl::StrCat("[", bar, "]");
}

}  // namespace

std::string ProgressLine(const ProgressState& state, size_t columns, bool colours) {
  const v1::Counts& counts = state.counts;
  // In the order of the line.
  enum { kCount, kPercent, kRunning, kFailed, kCancelled, kRate, kLeft, kParts };
  std::array<std::string, kParts> parts;
  parts[kCount] = absl::StrCat(Finished(counts), "/", Total(counts), state.open ? "+" : "");
  if (!state.open) parts[kPercent] = absl::StrCat(Percent(state), "%");
  if (counts.running() > 0) parts[kRunning] = absl::StrCat(counts.running(), " running");
  if (counts.failed() > 0) parts[kFailed] = absl::StrCat(counts.failed(), " failed");
  if (counts.cancelled() > 0) parts[kCancelled] = absl::StrCat(counts.cancelled(), " cancelled");
  if (state.rate.value_or(0) > 0) parts[kRate] = RateText(*state.rate);
  parts[kLeft] = TimeLeft(state);

  const auto gap = [](size_t part) -> size_t {
    return part == kCount ? 0 : part == kPercent ? 1 : 2;
  };
  std::array<bool, kParts> shown = {};
  size_t used = 0;
  for (const size_t part : {kCount, kFailed, kLeft, kPercent, kRunning, kCancelled, kRate}) {
    const size_t needed = gap(part) + parts[part].size();
    if (parts[part].empty() || used + needed > columns) continue;
    shown[part] = true;
    used += needed;
  }
  std::string line;
  if (!state.open && used + 1 + kShortestBar <= columns) {
    line = absl::StrCat(Bar(state, std::min(columns - used - 1, kLongestBar)), " ");
  }
  for (size_t part = 0; part < kParts; ++part) {
    if (!shown[part]) continue;
    line.append(gap(part), ' ');
    const bool red = colours && part == kFailed;
    absl::StrAppend(&line, red ? "\x1b[31m" : "", parts[part], red ? "\x1b[0m" : "");
  }
  return line;
}

std::string ProgressSentence(const ProgressState& state) {
  const v1::Counts& counts = state.counts;
  std::string text = absl::StrCat(Finished(counts), " of ", CountOf(Total(counts), "task"),
                                  state.open ? " so far" : "", " finished");
  if (counts.running() > 0) absl::StrAppend(&text, ", ", counts.running(), " running");
  if (counts.failed() > 0) absl::StrAppend(&text, ", ", counts.failed(), " failed");
  if (counts.cancelled() > 0) absl::StrAppend(&text, ", ", counts.cancelled(), " cancelled");
  if (state.rate.has_value()) absl::StrAppend(&text, ", ", RateText(*state.rate));
  if (const std::string left = TimeLeft(state); !left.empty()) absl::StrAppend(&text, ", ", left);
  return text;
}

void RateMeter::Add(absl::Time now, int64_t finished) {
  if (samples_.size() >= 2 && now - samples_[samples_.size() - 2].first < kSampleEvery) {
    samples_.back() = {now, finished};
  } else {
    samples_.emplace_back(now, finished);
  }
  while (samples_.size() > 2 && now - samples_[1].first >= kWindow) samples_.pop_front();
}

std::optional<double> RateMeter::PerSecond(absl::Time now) const {
  if (samples_.empty() || now - samples_.front().first < kFirstRate) return std::nullopt;
  return static_cast<double>(samples_.back().second - samples_.front().second) /
         absl::ToDoubleSeconds(now - samples_.front().first);
}

}  // namespace tarea
