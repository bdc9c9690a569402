#ifndef TAREA_WORKER_HANDLERS_PROGRESS_READER_H_
#define TAREA_WORKER_HANDLERS_PROGRESS_READER_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"
#include "worker/handler.h"

namespace tarea {

// Makes progress of a task of what its command writes, line by line (common/progress.h). Keeps no
// more than one line, and of that no more than kMaxLine bytes. Of lines that come together the last
// counts, so that a flood of them costs little. The first wrong one that is seen is logged. Not
// thread-safe.
class ProgressReader {
 public:
  static constexpr size_t kMaxLine = 1024;

  // `context` must outlive it.
  explicit ProgressReader(TaskContext* context) : context_(context) {}

  // What came, in pieces that may end anywhere. A line counts when it has ended.
  void Add(absl::string_view piece);

 private:
  void Keep(absl::string_view text);
  // Whether it is one that counts.
  bool Handle(absl::string_view line);

  TaskContext* const context_;
  std::string line_;  // the beginning of one that has not ended
  bool complained_ = false;
};

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_PROGRESS_READER_H_
