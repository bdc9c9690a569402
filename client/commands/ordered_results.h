#ifndef TAREA_CLIENT_COMMANDS_ORDERED_RESULTS_H_
#define TAREA_CLIENT_COMMANDS_ORDERED_RESULTS_H_

#include <cstdint>
#include <functional>
#include <map>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Brings finished tasks into the order of their positions in the batch. Those that come too early
// are held; when the results held take too much memory, later ones are let go and fetched again in
// their turn. Not thread-safe.
class OrderedResults {
 public:
  using Fetch = std::function<absl::StatusOr<v1::Task>(int64_t id)>;
  using Emit = std::function<absl::Status(const v1::Task&)>;

  // `emit` is called for each task in its turn. `max_bytes` bounds the results held.
  // Positions before `first` count as emitted.
  OrderedResults(int64_t max_bytes, Fetch fetch, Emit emit, int64_t first = 0);

  // `position` of `task` in the batch, from 0. Emits it and those that waited for it, if it is its
  // turn. A position that was emitted already is ignored: the task was retried by hand. Errors are
  // those of `fetch` and `emit`.
  absl::Status Add(int64_t position, const v1::Task& task);

  int64_t held() const { return static_cast<int64_t>(held_.size()); }

 private:
  absl::Status EmitHeld(v1::Task task);

  const int64_t max_bytes_;
  const Fetch fetch_;
  const Emit emit_;
  int64_t next_;
  std::map<int64_t, v1::Task> held_;
  int64_t held_bytes_ = 0;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_ORDERED_RESULTS_H_
