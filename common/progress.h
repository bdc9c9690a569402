#ifndef TAREA_COMMON_PROGRESS_H_
#define TAREA_COMMON_PROGRESS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tarea {

// The variable that tells a command to which descriptor it may write lines like the one below.
inline constexpr char kProgressVariable[] = "TAREA_PROGRESS_FD";

// How far a command is, as it says in one line: "42% of the pages", "0.42 of the pages", "100%".
struct ProgressLine {
  double fraction = 0;  // 0 to 1
  std::string message;  // maybe empty
};

// `line` is without its newline. INVALID_ARGUMENT says what is wrong with it.
absl::StatusOr<ProgressLine> ParseProgress(absl::string_view line);

}  // namespace tarea

#endif  // TAREA_COMMON_PROGRESS_H_
