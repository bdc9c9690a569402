#include "worker/handlers/progress_reader.h"

#include <algorithm>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/progress.h"

namespace tarea {

void ProgressReader::Add(absl::string_view piece) {
  const size_t end = piece.rfind('\n');
  if (end == absl::string_view::npos) {
    Keep(piece);
    return;
  }
  absl::string_view ended = piece.substr(0, end);
  size_t newline = ended.rfind('\n');
  while (newline != absl::string_view::npos && !Handle(ended.substr(newline + 1))) {
    ended = ended.substr(0, newline);
    newline = ended.rfind('\n');
  }
  if (newline == absl::string_view::npos) {
    Keep(ended);
    Handle(line_);
  }
  line_.clear();
  Keep(piece.substr(end + 1));
}

void ProgressReader::Keep(absl::string_view text) {
  line_.append(text.data(), std::min(text.size(), kMaxLine - line_.size()));
}

bool ProgressReader::Handle(absl::string_view line) {
  line = line.substr(0, kMaxLine);
  if (absl::StripAsciiWhitespace(line).empty()) return false;
  const absl::StatusOr<ProgressLine> progress = ParseProgress(line);
  if (progress.ok()) {
    context_->SetProgress(progress->fraction, progress->message);
    return true;
  }
  if (!std::exchange(complained_, true)) {
    context_->Log(
        absl::StrCat("a line on its descriptor 3 is ignored: ", progress.status().message()));
  }
  return false;
}

}  // namespace tarea
