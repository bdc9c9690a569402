#ifndef TAREA_TESTS_HISTORY_HISTORY_H_
#define TAREA_TESTS_HISTORY_HISTORY_H_

#include <cstdint>
#include <string>
#include <vector>

#include "master/store/store.h"
#include "master/store/task.h"

namespace tarea {

// What somebody asked of one task, or was told of it. Which fields mean something depends on the
// operation; the others stay as they are here.
struct HistoryItem {
  TaskId task = 0;  // 0: not known yet
  LeaseId lease = 0;
  int attempt = 0;
  int max_attempts = 0;
  TaskState state = TaskState::kReady;
  ResultOutcome outcome = ResultOutcome::kSucceeded;  // that a worker reports
  ResultStatus status = ResultStatus::kUnknown;       // that the master answers
  uint64_t payload = 0;                               // hash of the payload
  uint64_t result = 0;                                // hash of the result; 0: none, or not told
  std::string key = {};   // unique among the unfinished: with its queue, if there are several
  bool existing = false;  // answer to a submission: the key was taken, and `task` is who has it
  std::vector<TaskId> depends_on = {};  // must have succeeded; empty if the task runs anyway
};

// One line of a history: something that a client or a worker did, or a fault that was injected. A
// call has two, one written before it is sent and one after its answer has come (or has not).
struct HistoryEvent {
  enum class Op : int8_t {
    kSubmit,  // items: the tasks, with their ids once they are known
    // items: the tasks that were handed out. A claim that reached the master a second time, without
    // its worker knowing, is a call of its own that ends kUnknown.
    kClaim,
    kResult,  // items: the results; then the same, with what was answered to each
    kCancel,  // items: the tasks; the answer names none
    kRetry,   // likewise
    // items: the tasks that are asked for (none: a list); then those found, as they were told. Who
    // was asked for and is missing in the answer was not found.
    kRead,
    // a worker begins (kInvoke) and ends (kOk) one attempt; a single item, at the end with `result`
    kRun,
    kFault,  // only kOk; `detail` says what was done to whom, its kind before a colon
  };
  enum class Phase : int8_t {
    kInvoke,   // about to be sent
    kOk,       // answered
    kRefused,  // answered with an error that means that nothing has happened
    kUnknown,  // no answer, or one that leaves open what has happened
  };

  int64_t micros = 0;  // of one clock for all processes, which does not go back
  std::string process = {};
  int64_t call = 0;  // with `process`: which invocation an answer belongs to
  Op op = Op::kFault;
  Phase phase = Phase::kOk;
  std::string request_id = {};  // of a submission
  BatchId batch = 0;
  std::string detail = {};
  std::vector<HistoryItem> items = {};
};

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_HISTORY_H_
