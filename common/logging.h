#ifndef TAREA_COMMON_LOGGING_H_
#define TAREA_COMMON_LOGGING_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tarea {

struct LogOptions {
  // trace, debug, info, warn, error or off.
  std::string level = "info";
  // "text" or "json" (one object per line: time, level, program, message).
  std::string format = "text";
};

// Sets up spdlog's default logger to write to stderr; call once, at the start of `main`. `program`
// is shown in each line. INVALID_ARGUMENT names a level or a format that does not exist.
absl::Status InitLogging(absl::string_view program, const LogOptions& options);

// "1 task", "2 tasks".
std::string CountOf(int64_t count, absl::string_view noun);

bool IsUtf8(absl::string_view text);

// `text` with control characters, invalid UTF-8, marks that change the direction of writing and
// what takes no room replaced by escapes, and cut to `max_bytes`: safe to show on a terminal or in
// a log whoever wrote it.
std::string Printable(absl::string_view text, size_t max_bytes = 256);

}  // namespace tarea

#endif  // TAREA_COMMON_LOGGING_H_
