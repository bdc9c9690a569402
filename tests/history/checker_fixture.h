#ifndef TAREA_TESTS_HISTORY_CHECKER_FIXTURE_H_
#define TAREA_TESTS_HISTORY_CHECKER_FIXTURE_H_

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "tests/history/checker.h"
#include "tests/history/history.h"

namespace tarea {

inline HistoryItem Submitted(TaskId task, uint64_t payload) {
  return {.task = task, .max_attempts = 3, .payload = payload};
}

inline HistoryItem Keyed(TaskId task, uint64_t payload, const std::string& key) {
  HistoryItem item = Submitted(task, payload);
  item.key = key;
  return item;
}

inline HistoryItem Dependent(TaskId task, uint64_t payload, TaskId parent) {
  HistoryItem item = Submitted(task, payload);
  item.depends_on = {parent};
  return item;
}

inline HistoryItem Claimed(TaskId task, LeaseId lease, int attempt, uint64_t payload = 0) {
  return {.task = task, .lease = lease, .attempt = attempt, .max_attempts = 3, .payload = payload};
}

inline HistoryItem Reported(TaskId task, LeaseId lease, ResultStatus status, uint64_t result,
                            ResultOutcome outcome = ResultOutcome::kSucceeded) {
  return {.task = task, .lease = lease, .outcome = outcome, .status = status, .result = result};
}

inline HistoryItem Told(TaskId task, TaskState state, uint64_t result = 0) {
  return {.task = task, .max_attempts = 3, .state = state, .result = result};
}

inline HistoryItem Stored(TaskId task, uint64_t payload, TaskState state, uint64_t result = 0) {
  return {.task = task,
          .attempt = 1,
          .max_attempts = 3,
          .state = state,
          .payload = payload,
          .result = result};
}

// Writes histories: one clock tick per event.
class History : public testing::Test {
 protected:
  using Op = HistoryEvent::Op;
  using Phase = HistoryEvent::Phase;

  int64_t Invoke(Op op, std::vector<HistoryItem> items = {}, const std::string& request_id = "") {
    Write(op, Phase::kInvoke, ++calls_, std::move(items), request_id, 0);
    return calls_;
  }
  void Answer(int64_t call, Op op, Phase phase, std::vector<HistoryItem> items = {},
              BatchId batch = 0) {
    Write(op, phase, call, std::move(items), "", batch);
  }

  // Whole calls, nothing between their two ends.
  void Submit(const std::vector<HistoryItem>& items, const std::string& request_id = "",
              BatchId batch = 1) {
    Answer(Invoke(Op::kSubmit, items, request_id), Op::kSubmit, Phase::kOk, items, batch);
  }
  void Claim(const HistoryItem& item) {
    Answer(Invoke(Op::kClaim), Op::kClaim, Phase::kOk, {item});
  }
  void Report(const HistoryItem& item) {
    Answer(Invoke(Op::kResult, {item}), Op::kResult, Phase::kOk, {item});
  }
  void Read(const HistoryItem& item) {
    Answer(Invoke(Op::kRead, {item}), Op::kRead, Phase::kOk, {item});
  }
  void Ask(Op op, TaskId task) { Answer(Invoke(op, {{.task = task}}), op, Phase::kOk); }
  void Fault(const std::string& detail) {
    HistoryEvent event{.micros = ++now_, .process = "harness", .detail = detail};
    checker_.Add(event);
  }
  // One attempt at a worker that writes down only when its tasks begin and end.
  void Run(TaskId task, ResultOutcome outcome = ResultOutcome::kSucceeded) {
    const HistoryItem item{.task = task, .attempt = 1, .outcome = outcome};
    Answer(Invoke(Op::kRun, {item}), Op::kRun, Phase::kOk, {item});
  }

  // The life of a task that nothing happens to.
  void Live(TaskId task, uint64_t payload, LeaseId lease, uint64_t result) {
    Submit({Submitted(task, payload)});
    Claim(Claimed(task, lease, 1, payload));
    Report(Reported(task, lease, ResultStatus::kRecorded, result));
  }

  std::vector<std::string> Finish(const std::vector<HistoryItem>& stored = {}) {
    return Finish(checker_, stored);
  }
  static std::vector<std::string> Finish(HistoryChecker& checker,
                                         const std::vector<HistoryItem>& stored) {
    for (const HistoryItem& item : stored) checker.AddStored(item);
    return checker.Finish();
  }
  int64_t Count(const std::string& what) const {
    const auto found = checker_.counts().find(what);
    return found == checker_.counts().end() ? -1 : found->second;
  }

  HistoryChecker checker_;

 private:
  void Write(Op op, Phase phase, int64_t call, std::vector<HistoryItem> items,
             const std::string& request_id, BatchId batch) {
    HistoryEvent event{.micros = ++now_,
                       .process = "p",
                       .call = call,
                       .op = op,
                       .phase = phase,
                       .request_id = request_id,
                       .batch = batch,
                       .items = std::move(items)};
    checker_.Add(event);
  }

  int64_t now_ = 0;
  int64_t calls_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_CHECKER_FIXTURE_H_
