#include "client/task_ids.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace tarea {

void TaskIds::Append(const v1::SubmitTasksResponse& answer, int64_t count) {
  for (const v1::ExistingTask& task : answer.existing()) {
    existing_[size_ + task.index()] = task.task_id();
  }
  if (count > 0 && answer.first_task_id() != 0) {
    ranges_.push_back({size_, answer.first_task_id(), count});
  }
  size_ += count;
}

int64_t TaskIds::operator[](int64_t position) const {
  if (const auto found = existing_.find(position); found != existing_.end()) return found->second;
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), position,
                       [](int64_t wanted, const Range& range) { return wanted < range.position; });
  if (after == ranges_.begin()) return 0;
  const Range& range = *std::prev(after);
  return range.id + (position - range.position);
}

std::optional<int64_t> TaskIds::PositionOf(int64_t id) const {
  const auto after =
      std::upper_bound(ranges_.begin(), ranges_.end(), id,
                       [](int64_t wanted, const Range& range) { return wanted < range.id; });
  if (after == ranges_.begin()) return std::nullopt;
  const Range& range = *std::prev(after);
  const int64_t position = range.position + (id - range.id);
  if (id >= range.id + range.count || existing_.contains(position)) return std::nullopt;
  return position;
}

std::string TaskIds::ToString() const {
  // Ranges of stored ids, joined where one follows the other.
  std::vector<std::pair<int64_t, int64_t>> runs;
  const auto add = [&](int64_t first, int64_t last) {
    if (first > last) return;
    if (!runs.empty() && runs.back().second + 1 == first) {
      runs.back().second = last;
    } else {
      runs.emplace_back(first, last);
    }
  };
  for (const Range& range : ranges_) {
    int64_t next = range.position;
    const int64_t end = range.position + range.count;
    const int64_t shift = range.id - range.position;
    for (auto it = existing_.lower_bound(next); it != existing_.end() && it->first < end; ++it) {
      add(next + shift, it->first - 1 + shift);
      next = it->first + 1;
    }
    add(next + shift, end - 1 + shift);
  }
  if (runs.empty()) return "none";
  return absl::StrJoin(runs, ", ", [](std::string* out, const std::pair<int64_t, int64_t>& run) {
    absl::StrAppend(out, run.first);
    if (run.second > run.first) absl::StrAppend(out, "..", run.second);
  });
}

}  // namespace tarea
