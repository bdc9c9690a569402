#include "tests/fuzz/fuzz_check.h"

#include <cstdio>
#include <cstdlib>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxText = 4096;

std::string Shown(absl::string_view text) { return Printable(text, 2 * kMaxText); }

}  // namespace

void FailFuzz(const char* file, int line, const char* condition, const std::string& detail) {
  std::fprintf(stderr, "%s:%d: does not hold: %s\n%s\n", file, line, condition, detail.c_str());
  std::abort();
}

void CheckText(absl::string_view text) {
  FUZZ_CHECK(!text.empty(), "the text is empty");
  FUZZ_CHECK(text.size() <= kMaxText, absl::StrCat(text.size(), " bytes: ", Shown(text)));
  FUZZ_CHECK(text == Printable(text, std::numeric_limits<size_t>::max()),
             absl::StrCat("not fit to be shown: ", Shown(text)));
}

void CheckError(const absl::Status& status) {
  FUZZ_CHECK(!status.ok(), "");
  CheckText(status.message());
}

}  // namespace tarea
