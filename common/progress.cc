#include "common/progress.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/logging.h"

namespace tarea {

absl::StatusOr<ProgressLine> ParseProgress(absl::string_view line) {
  const absl::string_view text = absl::StripAsciiWhitespace(line);
  const size_t end = text.find_first_of(" \t");
  const absl::string_view word = text.substr(0, end);
  absl::string_view number = word;
  const double whole = absl::ConsumeSuffix(&number, "%") ? 100 : 1;
  ProgressLine progress;
  // Written so that NaN is refused too.
  if (absl::SimpleAtod(number, &progress.fraction)) {
    progress.fraction /= whole;
    if (progress.fraction >= 0 && progress.fraction <= 1) {
      progress.message = std::string(absl::StripAsciiWhitespace(text.substr(word.size())));
      return progress;
    }
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(word, 64),
                   "' is not a progress; write 0% to 100%, or 0.0 to 1.0, and then any text"));
}

}  // namespace tarea
