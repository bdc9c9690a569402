#include "client/commands/ordered_results.h"

#include <utility>

namespace tarea {

OrderedResults::OrderedResults(int64_t max_bytes, Fetch fetch, Emit emit, int64_t first)
    : max_bytes_(max_bytes), fetch_(std::move(fetch)), emit_(std::move(emit)), next_(first) {}

absl::Status OrderedResults::Add(int64_t position, const v1::Task& task) {
  if (position < next_ || held_.contains(position)) return absl::OkStatus();
  if (position > next_) {
    v1::Task& kept = held_[position] = task;
    const auto bytes = static_cast<int64_t>(kept.result().size());
    if (held_bytes_ + bytes > max_bytes_) {
      kept.clear_result();  // result_size still tells that there is one
    } else {
      held_bytes_ += bytes;
    }
    return absl::OkStatus();
  }
  ++next_;
  if (absl::Status status = emit_(task); !status.ok()) return status;
  while (!held_.empty() && held_.begin()->first == next_) {
    v1::Task turn = std::move(held_.begin()->second);
    held_.erase(held_.begin());
    ++next_;
    if (absl::Status status = EmitHeld(std::move(turn)); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status OrderedResults::EmitHeld(v1::Task task) {
  held_bytes_ -= static_cast<int64_t>(task.result().size());
  if (task.result().empty() && task.result_size() > 0) {
    absl::StatusOr<v1::Task> fetched = fetch_(task.id());
    if (!fetched.ok()) return fetched.status();
    task = *std::move(fetched);
  }
  return emit_(task);
}

}  // namespace tarea
