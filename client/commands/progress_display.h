#ifndef TAREA_CLIENT_COMMANDS_PROGRESS_DISPLAY_H_
#define TAREA_CLIENT_COMMANDS_PROGRESS_DISPLAY_H_

#include <optional>
#include <ostream>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/commands/progress_line.h"
#include "common/clock.h"
#include "proto/tasks.pb.h"

namespace tarea {

enum class ProgressStyle {
  kNone,
  kLine,   // one that is drawn again and again, on a terminal
  kPlain,  // a sentence every few seconds
};

// Shows how far a batch is, from a thread of its own so that it also tells when nothing happens.
// What else is written to the same terminal has to be written while the line is hidden:
//
//     ProgressDisplay::Hidden hidden(display);
//     std::cout << output << std::flush;
//
// The cursor rests at the beginning of the line, so that what others write there after all does not
// stand behind it. Thread-safe.
class ProgressDisplay {
 public:
  struct Options {
    ProgressStyle style = ProgressStyle::kNone;
    bool colours = false;
    // The width of a terminal is asked of this descriptor each time; -1: `columns` counts.
    int fd = -1;
    int columns = 80;
  };

  // Both must outlive it.
  ProgressDisplay(std::ostream& err, Clock& clock, const Options& options);
  // The line disappears.
  ~ProgressDisplay();
  ProgressDisplay(const ProgressDisplay&) = delete;
  ProgressDisplay& operator=(const ProgressDisplay&) = delete;

  void Update(const v1::Batch& batch);

  // As long as one exists there is no line, and no thread but the one that made it goes on with the
  // display.
  class ABSL_SCOPED_LOCKABLE Hidden {
   public:
    explicit Hidden(ProgressDisplay& display) ABSL_EXCLUSIVE_LOCK_FUNCTION(display.mu_);
    ~Hidden() ABSL_UNLOCK_FUNCTION();
    Hidden(const Hidden&) = delete;
    Hidden& operator=(const Hidden&) = delete;

    // What was written ended without a newline, or with one: in the middle of a line nothing is
    // drawn.
    void Wrote(char last) ABSL_NO_THREAD_SAFETY_ANALYSIS { display_.in_line_ = last != '\n'; }

   private:
    ProgressDisplay& display_;
  };

 private:
  void Loop();
  void Erase() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Draw() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  ProgressState State() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  std::ostream& err_;
  Clock& clock_;
  const Options options_;

  absl::Mutex mu_;
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  bool drawn_ ABSL_GUARDED_BY(mu_) = false;
  bool in_line_ ABSL_GUARDED_BY(mu_) = false;
  std::optional<v1::Batch> batch_ ABSL_GUARDED_BY(mu_);
  RateMeter rate_ ABSL_GUARDED_BY(mu_);
  absl::Time told_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_PROGRESS_DISPLAY_H_
