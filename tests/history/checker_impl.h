#ifndef TAREA_TESTS_HISTORY_CHECKER_IMPL_H_
#define TAREA_TESTS_HISTORY_CHECKER_IMPL_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/node_hash_map.h"
#include "absl/strings/str_cat.h"
#include "tests/history/checker.h"
#include "tests/history/history.h"

namespace tarea {

// What the checker knows so far. checker.cc takes events apart; checker_work.cc has the rules about
// claims, results and runs, checker_clients.cc those about what clients ask and are told,
// checker_store.cc those about what is stored at the end.
class HistoryChecker::Impl {
 public:
  explicit Impl(Retention retention) : forgets_(retention == Retention::kForgets) {}

  void Add(const HistoryEvent& event);
  void AddStored(const HistoryItem& task);
  std::vector<std::string> Finish();
  const std::map<std::string, int64_t>& counts() const { return counts_; }

 private:
  // A point in the history: how many events there were. 0: never.
  using Moment = int64_t;

  struct Call {
    HistoryEvent::Op op = HistoryEvent::Op::kFault;
    Moment begun = 0;
    int64_t power_losses = 0;  // until then
    int submission = -1;
    std::vector<HistoryItem> items = {};  // of reads, results and cancels
  };

  // All calls with one request id and one content.
  struct Submission {
    std::string request_id;
    std::vector<HistoryItem> items = {};  // as sent; as answered, once it is acknowledged
    BatchId batch = 0;
    Moment begun = 0;
    Moment acknowledged = 0;
    int open = 0;          // calls without an answer so far
    bool unknown = false;  // one had none
  };

  struct Lease {
    LeaseId id = 0;
    Moment begun = 0;  // of the claim
    Moment claimed = 0;
    int64_t power_losses = 0;  // until then
    bool recorded = false;     // a result
    ResultOutcome outcome = ResultOutcome::kSucceeded;
  };

  // A success that somebody reported.
  struct Success {
    LeaseId lease = 0;
    uint64_t result = 0;
    int open = 0;
    bool unknown = false;
    bool recorded = false;
  };

  struct Task {
    Moment acknowledged = 0;
    int submission = -1;   // that was acknowledged
    uint64_t payload = 0;  // 0: not known
    int max_attempts = 0;  // as submitted; 0: not known
    std::vector<TaskId> depends_on;

    bool durable = false;  // somebody was told of it who may rely on it
    int64_t power_losses = 0;
    int attempt = 0;            // the highest that was claimed
    int released = 0;           // leases that somebody gave back since
    int highest = 0;            // attempt that was claimed or run
    Moment started = 0;         // claimed or run for the first time
    Moment succeeded = 0;       // the first time that somebody said so
    std::vector<Lease> leases;  // in the order in which they became known
    std::vector<Success> successes;

    bool retried = false;  // a retry was asked for, which may take effect late
    Moment cancelled = 0;  // answer to a cancel
    Moment final_by = 0;   // had ended by then
    bool state_known = false;
    TaskState state = TaskState::kReady;  // the final one, if known
    Moment known = 0;                     // since when it is
    uint64_t result = 0;                  // 0: none, or not known
  };

  struct Stored {
    HistoryItem item;
    bool explained = false;  // by an acknowledged submission
  };

  // checker.cc
  int ProcessNumber(const std::string& name);
  void Begin(const HistoryEvent& event);
  void End(const HistoryEvent& event, const Call& call);
  void Fault(const HistoryEvent& event);
  Task& Find(TaskId id);
  // Whether the task had certainly ended for good before.
  static bool EndedBefore(const Task& task, Moment moment);
  static void LearnState(Task& task, TaskState state, Moment now);
  // Notes what was broken: `parts` make the sentence.
  template <typename... Parts>
  void Broken(const HistoryEvent& event, const Parts&... parts) {
    Note(absl::StrCat(Where(event), parts...));
  }
  template <typename... Parts>
  void BrokenAtEnd(const Parts&... parts) {
    Note(absl::StrCat("at the end: ", parts...));
  }
  void Note(std::string text);
  static std::string Where(const HistoryEvent& event);

  // checker_clients.cc
  int BeginSubmit(const HistoryEvent& event);
  void EndSubmit(const HistoryEvent& event, const Call& call);
  void Acknowledge(const HistoryEvent& event, Submission& submission, int number);
  void AcknowledgeTask(const HistoryEvent& event, const Submission& submission, int number,
                       const HistoryItem& item);
  void CheckExisting(const HistoryEvent& event, const Submission& submission,
                     const HistoryItem& item);
  void CheckRepeatedAnswer(const HistoryEvent& event, const Submission& submission);
  void TakeKey(const std::string& key, TaskId id, Moment begun);
  void EndRead(const HistoryEvent& event, const Call& call);
  void CheckFound(const HistoryEvent& event, const Call& call);
  void CheckFinal(const HistoryEvent& event, const Call& call, const HistoryItem& item, Task& task);
  void CheckUnfinished(const HistoryEvent& event, const Call& call, const HistoryItem& item,
                       const Task& task);
  void CheckPayload(const HistoryEvent& event, const HistoryItem& item, Task& task);

  // checker_work.cc
  void EndClaim(const HistoryEvent& event, const Call& call);
  void ClaimTask(const HistoryEvent& event, const Call& call, const HistoryItem& item);
  void CheckAttempt(const HistoryEvent& event, const Call& call, const HistoryItem& item,
                    const Task& task);
  void CheckMaxAttempts(const HistoryEvent& event, const HistoryItem& item, const Task& task);
  void NoteStart(const HistoryItem& item, Task& task);
  void BeginResults(const HistoryEvent& event);
  void EndResults(const HistoryEvent& event, const Call& call);
  void RecordResult(const HistoryEvent& event, const HistoryItem& item, Task& task);
  void RecordSuccess(const HistoryEvent& event, const HistoryItem& item, Task& task);
  Success& FindSuccess(Task& task, const HistoryItem& item);
  void AddRun(const HistoryEvent& event);

  // checker_store.cc
  void CheckStored();
  void CheckAcknowledged();
  void CheckUnacknowledged();
  void CheckWhole(const absl::flat_hash_set<uint64_t>& found);
  void CheckState(const HistoryItem& item, const Task& task);
  void CheckResult(const HistoryItem& item, const Task& task);
  void CheckParents(TaskId id, const Task& task, const std::vector<TaskId>& parents);
  void DescribeUnexplained(const HistoryItem& item);

  int64_t& Count(const char* what) { return counts_[what]; }

  const bool forgets_;
  Moment now_ = 0;
  int64_t power_losses_ = 0;
  int64_t unanswered_claims_ = 0;  // open or unknown

  absl::flat_hash_map<std::string, int> processes_;
  absl::flat_hash_map<std::pair<int, int64_t>, Call> calls_;
  std::deque<Submission> submissions_;
  absl::flat_hash_map<std::string, std::vector<int>> by_request_id_;
  absl::flat_hash_map<uint64_t, int> payloads_;    // how many tasks were sent with it
  absl::flat_hash_map<std::string, TaskId> keys_;  // who was the last to be stored with it
  absl::node_hash_map<TaskId, Task> tasks_;
  absl::flat_hash_map<LeaseId, TaskId> leases_;
  absl::flat_hash_map<TaskId, Stored> stored_;

  std::vector<std::string> broken_;
  int64_t left_out_ = 0;
  std::map<std::string, int64_t> counts_;
  int64_t& acknowledged_ = Count("acknowledged submissions");
  int64_t& unknown_ = Count("unknown outcomes");
  int64_t& refused_ = Count("refused calls");
  int64_t& claims_ = Count("claims");
  int64_t& re_leases_ = Count("re-leases");
  int64_t& recorded_ = Count("recorded results");
  int64_t& repeated_ = Count("repeated results");
  int64_t& stale_ = Count("stale results");
  int64_t& reads_ = Count("reads");
  int64_t& runs_ = Count("runs");
};

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_CHECKER_IMPL_H_
