// Rules about what clients ask for and are told.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/history/checker_impl.h"
#include "tests/history/state_names.h"

namespace tarea {
namespace {

using Phase = HistoryEvent::Phase;

bool SameContent(const std::vector<HistoryItem>& a, const std::vector<HistoryItem>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const HistoryItem& one, const HistoryItem& other) {
                      return one.payload == other.payload && one.key == other.key;
                    });
}

}  // namespace

// --- Submissions
// ---------------------------------------------------------------------------------------

int HistoryChecker::Impl::BeginSubmit(const HistoryEvent& event) {
  if (!event.request_id.empty()) {
    for (const int number : by_request_id_[event.request_id]) {
      if (!SameContent(submissions_[number].items, event.items)) continue;
      ++submissions_[number].open;
      return number;
    }
  }
  const int number = static_cast<int>(submissions_.size());
  submissions_.push_back(
      {.request_id = event.request_id, .items = event.items, .begun = now_, .open = 1});
  if (!event.request_id.empty()) by_request_id_[event.request_id].push_back(number);
  for (const HistoryItem& item : event.items) ++payloads_[item.payload];
  return number;
}

void HistoryChecker::Impl::EndSubmit(const HistoryEvent& event, const Call& call) {
  Submission& submission = submissions_[call.submission];
  --submission.open;
  if (event.phase == Phase::kUnknown) submission.unknown = true;
  if (event.phase != Phase::kOk) return;
  if (!SameContent(submission.items, event.items)) {
    return Broken(event, "the answer is about other tasks than the call");
  }
  if (submission.acknowledged != 0) return CheckRepeatedAnswer(event, submission);
  for (const HistoryItem& item : event.items) {
    if (item.existing) CheckExisting(event, submission, item);
  }
  Acknowledge(event, submission, call.submission);
}

void HistoryChecker::Impl::Acknowledge(const HistoryEvent& event, Submission& submission,
                                       int number) {
  ++acknowledged_;
  submission.acknowledged = now_;
  submission.batch = event.batch;
  submission.items = event.items;
  for (const HistoryItem& item : submission.items) {
    if (!item.existing) AcknowledgeTask(event, submission, number, item);
  }
  if (submission.request_id.empty()) return;
  for (const int other : by_request_id_[submission.request_id]) {
    if (other == number || submissions_[other].acknowledged == 0) continue;
    Broken(event, "request id ", submission.request_id, " was accepted with other tasks before");
  }
}

void HistoryChecker::Impl::AcknowledgeTask(const HistoryEvent& event, const Submission& submission,
                                           int number, const HistoryItem& item) {
  Task& task = Find(item.task);
  if (task.acknowledged != 0) {
    const Submission& first = submissions_[task.submission];
    return Broken(event, "task ", item.task, " was given to request '", submission.request_id,
                  "', and to request '", first.request_id, "' before");
  }
  if (task.payload != 0 && task.payload != item.payload) {
    Broken(event, "task ", item.task, " was seen with payload ", task.payload,
           ", and is answered to the submission of payload ", item.payload);
  }
  task.acknowledged = now_;
  task.submission = number;
  task.payload = item.payload;
  task.max_attempts = item.max_attempts;
  task.depends_on = item.depends_on;
  task.durable = true;
  if (!item.key.empty()) TakeKey(item.key, item.task, submission.begun);
}

// A task with this key was stored after `begun`: who had it before had ended by now.
void HistoryChecker::Impl::TakeKey(const std::string& key, TaskId id, Moment begun) {
  const auto [place, is_first] = keys_.try_emplace(key, id);
  if (is_first) return;
  Task& before = Find(place->second);
  if (before.acknowledged < begun && before.final_by == 0) before.final_by = now_;
  place->second = id;
}

void HistoryChecker::Impl::CheckExisting(const HistoryEvent& event, const Submission& submission,
                                         const HistoryItem& item) {
  if (item.key.empty()) {
    Broken(event, "a task without a key is answered to exist, as task ", item.task);
  }
  const Task& task = Find(item.task);
  if (task.final_by != 0 && task.final_by < submission.begun && !task.retried) {
    Broken(event, "key ", item.key, " is answered to be that of task ", item.task,
           ", which had ended before");
  }
}

void HistoryChecker::Impl::CheckRepeatedAnswer(const HistoryEvent& event,
                                               const Submission& submission) {
  const bool same =
      std::equal(event.items.begin(), event.items.end(), submission.items.begin(),
                 submission.items.end(), [](const HistoryItem& one, const HistoryItem& other) {
                   return one.task == other.task && one.existing == other.existing;
                 });
  if (same && event.batch == submission.batch) return;
  Broken(event, "request id ", submission.request_id, " was answered with batch ", submission.batch,
         " and is answered with batch ", event.batch, same ? "" : ", other tasks");
}

// --- Reads
// ---------------------------------------------------------------------------------------------

void HistoryChecker::Impl::EndRead(const HistoryEvent& event, const Call& call) {
  ++reads_;
  CheckFound(event, call);
  for (const HistoryItem& item : event.items) {
    Task& task = Find(item.task);
    task.durable = true;
    CheckPayload(event, item, task);
    CheckMaxAttempts(event, item, task);
    if (IsFinal(item.state)) {
      CheckFinal(event, call, item, task);
    } else {
      CheckUnfinished(event, call, item, task);
    }
  }
}

void HistoryChecker::Impl::CheckFound(const HistoryEvent& event, const Call& call) {
  size_t next = 0;  // where it is, if the answer has the order of the question
  for (const HistoryItem& asked : call.items) {
    if (next < event.items.size() && event.items[next].task == asked.task) {
      ++next;
      continue;
    }
    const bool found =
        std::any_of(event.items.begin(), event.items.end(),
                    [&](const HistoryItem& item) { return item.task == asked.task; });
    if (found) continue;
    const Task& task = Find(asked.task);
    if (task.acknowledged == 0 || task.acknowledged > call.begun) continue;
    if (forgets_ && task.state_known) continue;
    Broken(event, "task ", asked.task, " is not found, though it was acknowledged before");
  }
}

void HistoryChecker::Impl::CheckPayload(const HistoryEvent& event, const HistoryItem& item,
                                        Task& task) {
  if (item.payload == 0) return;
  if (!payloads_.contains(item.payload)) {
    return Broken(event, "task ", item.task, " has payload ", item.payload,
                  ", which nobody submitted");
  }
  if (task.payload == 0) task.payload = item.payload;
  if (task.payload != item.payload) {
    Broken(event, "task ", item.task, " has payload ", item.payload, "; it was ", task.payload);
  }
}

void HistoryChecker::Impl::CheckFinal(const HistoryEvent& event, const Call& call,
                                      const HistoryItem& item, Task& task) {
  if (task.state_known && task.state != item.state) {
    if (!task.retried || EndedBefore(task, call.begun)) {
      Broken(event, "task ", item.task, " is ", StateName(item.state), "; it had ended as ",
             StateName(task.state));
    } else if (task.state == TaskState::kSucceeded) {
      return;  // as it was before the retry
    }
  } else if (task.state == TaskState::kSucceeded && item.result != 0 && task.result != 0 &&
             item.result != task.result) {
    Broken(event, "task ", item.task, " has result ", item.result, "; it was ", task.result);
  }
  if (item.state == TaskState::kSucceeded && task.succeeded == 0) task.succeeded = now_;
  LearnState(task, item.state, now_);
  if (item.result != 0) task.result = item.result;
}

void HistoryChecker::Impl::CheckUnfinished(const HistoryEvent& event, const Call& call,
                                           const HistoryItem& item, const Task& task) {
  if (EndedBefore(task, call.begun)) {
    Broken(event, "task ", item.task, " is ", StateName(item.state), "; it had ended",
           task.state_known ? absl::StrCat(" as ", StateName(task.state)) : "");
  } else if (task.cancelled != 0 && task.cancelled < call.begun && !task.retried &&
             item.state != TaskState::kRunning) {
    Broken(event, "task ", item.task, " is ", StateName(item.state),
           ", though its cancel was acknowledged before");
  }
}

}  // namespace tarea
