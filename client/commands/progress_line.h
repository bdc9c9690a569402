#ifndef TAREA_CLIENT_COMMANDS_PROGRESS_LINE_H_
#define TAREA_CLIENT_COMMANDS_PROGRESS_LINE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "proto/tasks.pb.h"

// How far a batch is, as text. Functions of values; progress_display.h draws.
namespace tarea {

struct ProgressState {
  v1::Counts counts;
  // More tasks may come: there is no share and no end to tell yet.
  bool open = false;
  // Finished tasks a second; not set while that is not known.
  std::optional<double> rate;
};

// One line of at most `columns` columns, without an end of line: what matters least is left out
// first. With `colours` failures are red. For instance
//   [======>      ] 412/663 62%  2 running  3 failed  87/s  3s left
std::string ProgressLine(const ProgressState& state, size_t columns, bool colours);

// The same for a file or somebody who listens, in words and without escape sequences:
//   412 of 663 tasks finished, 2 running, 3 failed, 87/s, 3s left
std::string ProgressSentence(const ProgressState& state);

// How fast tasks finish: over the last seconds, so that a pause shows.
class RateMeter {
 public:
  void Add(absl::Time now, int64_t finished);
  // Not set before half a second has passed.
  std::optional<double> PerSecond(absl::Time now) const;

 private:
  std::deque<std::pair<absl::Time, int64_t>> samples_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_PROGRESS_LINE_H_
