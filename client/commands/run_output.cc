#include "client/commands/run_output.h"

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {

absl::Status RunOutput::Print(const RunChunk& chunk, const RunPosition& position) {
  std::string lost;
  {
    ProgressDisplay::Hidden hidden(progress_);
    if (journal_ != nullptr) {
      const absl::Status kept = journal_->Append(chunk, position);
      if (kept.ok()) {
        if (absl::Status status = journal_->Print(); !status.ok()) return status;
        chunk.ForEach([&](OutputStream, absl::string_view bytes) { hidden.Wrote(bytes.back()); });
        return absl::OkStatus();
      }
      lost = Printable(kept.message(), 1024);
      journal_->Remove();
      journal_.reset();
    }
    if (absl::Status status = Write(chunk, hidden); !status.ok()) return status;
  }
  if (!lost.empty()) context_.Note(absl::StrCat(lost, "; this run cannot be resumed any more"));
  return absl::OkStatus();
}

absl::Status RunOutput::PrintRest() {
  if (journal_ == nullptr) return absl::OkStatus();
  ProgressDisplay::Hidden hidden(progress_);
  return journal_->Print();
}

absl::Status RunOutput::Write(const RunChunk& chunk, ProgressDisplay::Hidden& hidden) {
  chunk.ForEach([&](OutputStream stream, absl::string_view bytes) {
    if (stream == OutputStream::kStdout) {
      context_.out() << bytes;
    } else {
      // So that what shares a terminal, or a file, keeps its order.
      context_.out().flush();
      context_.err() << bytes << std::flush;
    }
    hidden.Wrote(bytes.back());
  });
  context_.out().flush();
  if (context_.out()) return absl::OkStatus();
  return absl::DataLossError("cannot write the output of the tasks to stdout");
}

void RunOutput::Finish() {
  if (journal_ != nullptr) journal_->Finish();
  journal_.reset();
}

}  // namespace tarea
