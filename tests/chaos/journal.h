#ifndef TAREA_TESTS_CHAOS_JOURNAL_H_
#define TAREA_TESTS_CHAOS_JOURNAL_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "tests/history/history.h"

namespace tarea {

// The history of a run as it is made: each event goes to a file at once, so that it is there also
// if the harness dies. Thread-safe.
class Journal {
 public:
  // Makes or empties the file. `path` must be in a directory that exists.
  explicit Journal(const std::string& path);
  ~Journal();
  Journal(const Journal&) = delete;
  Journal& operator=(const Journal&) = delete;

  // Writes the event with the time of now.
  void Write(HistoryEvent event) ABSL_LOCKS_EXCLUDED(mu_);

  void Fault(const std::string& detail) { Write({.process = "storm", .detail = detail}); }

  // Something that the checker has no eyes for was broken.
  void Broken(std::string what) ABSL_LOCKS_EXCLUDED(mu_);
  std::vector<std::string> broken() const ABSL_LOCKS_EXCLUDED(mu_);

  // Counts what is no event.
  void Count(const std::string& what, int64_t more = 1) ABSL_LOCKS_EXCLUDED(mu_);
  std::map<std::string, int64_t> counts() const ABSL_LOCKS_EXCLUDED(mu_);

 private:
  mutable absl::Mutex mu_;
  const int fd_;
  std::vector<std::string> broken_ ABSL_GUARDED_BY(mu_);
  std::map<std::string, int64_t> counts_ ABSL_GUARDED_BY(mu_);
};

// Writes the calls of one process. Not thread-safe.
class Scribe {
 public:
  // `journal` must outlive it.
  Scribe(Journal& journal, std::string process) : journal_(journal), process_(std::move(process)) {}

  // A call is about to be sent. Answers its number.
  int64_t Begin(HistoryEvent::Op op, std::vector<HistoryItem> items = {},
                const std::string& request_id = "");
  void End(int64_t call, HistoryEvent::Op op, HistoryEvent::Phase phase,
           std::vector<HistoryItem> items = {}, BatchId batch = 0);

  Journal& journal() { return journal_; }
  const std::string& process() const { return process_; }

 private:
  Journal& journal_;
  const std::string process_;
  int64_t calls_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_JOURNAL_H_
