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
// it. Not thread-safe.
class HistoryChecker {
 public:
  HistoryChecker();
  ~HistoryChecker();

  // The next event, in the order of time.
  void Add(const HistoryEvent& event);

  // A task that the store has at the end, after all faults have stopped and all had time to finish.
  // Each once, after the last Add.
  void AddStored(const HistoryItem& task);

  // What was broken, a sentence each, with the task and the calls it is about; none is good news.
  // At most 100. Call it once, at the end.
  std::vector<std::string> Finish();

  // How often what happened, for instance "stale results"; so that a run that saw nothing of a kind
  // can be told from one that stood it.
  const std::map<std::string, int64_t>& counts() const;

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_CHECKER_H_
