#include "client/commands/progress_display.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "client/commands/output.h"
#include "client/commands/terminal.h"

namespace tarea {
namespace {

constexpr absl::Duration kDrawEvery = absl::Milliseconds(100);
constexpr absl::Duration kTellEvery = absl::Seconds(5);
constexpr char kErase[] = "\r\x1b[K";

}  // namespace

ProgressDisplay::ProgressDisplay(std::ostream& err, Clock& clock, const Options& options)
    : err_(err), clock_(clock), options_(options), told_(clock.Now()) {
  if (options_.style != ProgressStyle::kNone) thread_ = std::thread([this] { Loop(); });
}

ProgressDisplay::~ProgressDisplay() {
  {
    absl::MutexLock lock(&mu_);
    stop_ = true;
    Erase();
  }
  if (thread_.joinable()) thread_.join();
}

void ProgressDisplay::Update(const v1::Batch& batch) {
  absl::MutexLock lock(&mu_);
  batch_ = batch;
  rate_.Add(clock_.Now(), Finished(batch.counts()));
}

void ProgressDisplay::Loop() {
  absl::MutexLock lock(&mu_);
  while (!mu_.AwaitWithTimeout(absl::Condition(&stop_), kDrawEvery)) {
    if (!batch_.has_value()) continue;
    if (options_.style == ProgressStyle::kLine) {
      Draw();
    } else if (const absl::Time now = clock_.Now(); now - told_ >= kTellEvery) {
      told_ = now;
      err_ << absl::StrCat("client: ", ProgressSentence(State()), "\n") << std::flush;
    }
  }
}

ProgressState ProgressDisplay::State() const {
  return {
      .counts = batch_->counts(), .open = batch_->open(), .rate = rate_.PerSecond(clock_.Now())};
}

void ProgressDisplay::Erase() {
  if (drawn_) err_ << kErase << std::flush;
  drawn_ = false;
}

void ProgressDisplay::Draw() {
  if (in_line_) return;
  const int columns = TerminalColumns(options_.fd, options_.columns);
  // One less: some terminals break the line as soon as the last column is taken.
  const std::string line =
      ProgressLine(State(), static_cast<size_t>(std::max(columns - 1, 1)), options_.colours);
  err_ << absl::StrCat(kErase, line, "\r") << std::flush;
  drawn_ = true;
}

ProgressDisplay::Hidden::Hidden(ProgressDisplay& display) : display_(display) {
  display_.mu_.Lock();
  display_.Erase();
}

// The thread draws it again; outputs that follow each other closely would make it flicker.
ProgressDisplay::Hidden::~Hidden() { display_.mu_.Unlock(); }

}  // namespace tarea
