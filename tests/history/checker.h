#ifndef TAREA_TESTS_HISTORY_CHECKER_H_
#define TAREA_TESTS_HISTORY_CHECKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "tests/history/history.h"

namespace tarea {

// Finds out, in one pass over a history, whether the promises of docs/reliability.md were kept in
// it.
//
//     HistoryChecker checker;
//     for (const HistoryEvent& event : events) checker.Add(event);
//     for (const HistoryItem& task : everything_the_store_has) checker.AddStored(task);
//     for (const std::string& broken : checker.Finish()) std::cerr << broken << "\n";
//
// It never takes a history for broken that some order of what happened inside of the calls
// explains: a call may take effect at any time from its kInvoke to its answer, and one that has no
// answer (kUnknown, or a process that was killed) at any time after it, or never. What a power loss
// may undo, which is what nobody had an answer to, and claims, it expects to be gone after a kFault
// whose detail begins with "power loss".
//
// Tasks are told apart by the hash of their payload, and results by theirs, so let them differ.
// Retries by hand (kRetry) relax what is checked of the tasks that they name.
//
// Not thread-safe.
class HistoryChecker {
 public:
  // What may be missing at the end of what was once acknowledged.
  enum class Retention {
    kForever,  // nothing
    kForgets,  // tasks that somebody was told to be final (master --retain)
  };

  explicit HistoryChecker(Retention retention = Retention::kForever);
  ~HistoryChecker();
  HistoryChecker(const HistoryChecker&) = delete;
  HistoryChecker& operator=(const HistoryChecker&) = delete;

  // The next event, in the order of time. Among those of one instant that come of several
  // processes, kInvoke goes first.
  void Add(const HistoryEvent& event);

  // A task that the store has at the end, after all faults have stopped and all had time to finish.
  // Each once, after the last Add.
  void AddStored(const HistoryItem& task);

  // What was broken, a sentence each, with the task and the calls it is about; none is good news.
  // At most 100. Call it once, at the end.
  std::vector<std::string> Finish();

  // How often what happened, so that a run that saw nothing of a kind can be told from one that
  // stood it: "acknowledged submissions", "unknown outcomes" (also of calls that have no answer so
  // far, after Finish), "refused calls", "claims" (tasks handed out), "re-leases" (to be worked in
  // a later attempt than before), "recorded results", "repeated results" (recorded before, too),
  // "stale results", "reads", "runs", "tasks SUCCEEDED" and its like (stored), "fault: KIND".
  const std::map<std::string, int64_t>& counts() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_CHECKER_H_
