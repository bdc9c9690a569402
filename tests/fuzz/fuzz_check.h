#ifndef TAREA_TESTS_FUZZ_FUZZ_CHECK_H_
#define TAREA_TESTS_FUZZ_FUZZ_CHECK_H_

#include <cstddef>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

// What a fuzz target holds against what it tests. A failure ends the process, which is how
// libFuzzer is told of it.
namespace tarea {

// Prints where, what and the detail to stderr, and aborts.
[[noreturn]] void FailFuzz(const char* file, int line, const char* condition,
                           const std::string& detail);

// `detail`, for the person who reads it, is only made if the condition does not hold.
#define FUZZ_CHECK(condition, detail)                            \
  do {                                                           \
    if (!(condition)) {                                          \
      ::tarea::FailFuzz(__FILE__, __LINE__, #condition, detail); \
    }                                                            \
  } while (false)

// What every text of ours has to be, whoever wrote what it tells of: not empty, UTF-8, not longer
// than a screen, without control characters.
void CheckText(absl::string_view text);

// The same of an error's message. Not of OK.
void CheckError(const absl::Status& status);

}  // namespace tarea

#endif  // TAREA_TESTS_FUZZ_FUZZ_CHECK_H_
