#ifndef TAREA_MASTER_STORE_STORE_H_
#define TAREA_MASTER_STORE_STORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/container/btree_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "master/store/task.h"

// The life of a task, made durable.
//
// A store is a state machine: its verbs are the only ways in which a task changes, each is atomic,
// and each takes the time as an argument, because no store reads a clock. Times given to one store
// must not go back. All stores give the same answers to the same verbs; tests/store holds them to
// it.
//
// Writing goes through a Transaction. Several verbs may share one, which is how the dispatcher
// makes many calls wait for one sync of the disk:
//
//     std::unique_ptr<Store::Transaction> tx = store.Begin();
//     absl::StatusOr<InsertAnswer> answer = tx->Insert(now, request);
//     absl::Status status = tx->Commit();
//     if (status.ok()) status = store.MakeDurable();
//     // Only now is `answer` true.
namespace tarea {

// --- Insert
// ----------------------------------------------------------------------------------------

struct InsertRequest {
  std::string request_id;  // empty: none
  // A hash of all that the caller sent; tells a repeated request from another one with the same id.
  std::string content_hash;
  std::string batch_name;
  BatchId batch_id = 0;  // 0: a new batch
  bool keep_open = false;
  int64_t total_tasks = 0;  // in all calls of the batch; 0: not known
  std::vector<TaskSpec> tasks;
};

struct InsertAnswer {
  struct Existing {
    int index = 0;
    TaskId task_id = 0;
    friend bool operator==(const Existing&, const Existing&) = default;
  };

  BatchId batch_id = 0;
  TaskId first_task_id = 0;  // task i has id first_task_id + i; 0 if there were none
  std::vector<Existing> existing;
  bool repeated = false;  // an earlier answer, returned again

  friend bool operator==(const InsertAnswer&, const InsertAnswer&) = default;
};

// --- Work
// ------------------------------------------------------------------------------------------

// So many of the tasks of a claim are to come from this queue.
struct QueueShare {
  std::string queue;  // one of the claim's
  int tasks = 0;      // not negative
};

struct ClaimRequest {
  std::string worker;
  std::vector<std::string> queues;  // at least one
  std::vector<std::string> types;   // empty: every type
  int max_tasks = 1;
  // Filled first, one after the other; the rest comes from all queues.
  std::vector<QueueShare> shares;
  // Takes no more once the payloads come to this many bytes; one task in any case.
  int64_t max_bytes = int64_t{16} << 20;
};

struct LeasedTask {
  TaskId task_id = 0;
  BatchId batch_id = 0;
  LeaseId lease_id = 0;
  int attempt = 0;
  int max_attempts = 0;
  std::string type;
  std::string queue;
  std::string payload;
  absl::Duration timeout = absl::InfiniteDuration();
  std::map<std::string, std::string> labels;

  friend bool operator==(const LeasedTask&, const LeasedTask&) = default;
};

enum class ResultOutcome : int8_t {  // numbers of the proto
  kSucceeded = 1,
  kFailed = 2,
  kTimedOut = 3,
  kCancelled = 4,
  kReleased = 5,
};

struct TaskResult {
  TaskId task_id = 0;
  LeaseId lease_id = 0;
  // Whose result it is: lease ids can be guessed. Empty: of whoever has the lease.
  std::string worker = {};
  ResultOutcome outcome = ResultOutcome::kSucceeded;
  std::string result;
  TaskError error;
  bool non_retryable = false;
};

enum class ResultStatus : int8_t { kRecorded = 1, kStale = 2, kUnknown = 3 };  // as in the proto

struct Lease {
  TaskId task_id = 0;
  LeaseId lease_id = 0;
  std::string worker = {};  // as in TaskResult

  friend bool operator==(const Lease&, const Lease&) = default;
};

enum class StopReason : int8_t { kCancelled = 1, kLost = 2 };  // numbers of the proto

struct Stop {
  TaskId task_id = 0;
  LeaseId lease_id = 0;
  StopReason reason = StopReason::kLost;

  friend bool operator==(const Stop&, const Stop&) = default;
};

// --- Timers
// ----------------------------------------------------------------------------------------

struct AdvanceAnswer {
  int64_t expired_leases = 0;                 // tasks that lost their worker
  int64_t promoted = 0;                       // SCHEDULED tasks that became READY
  int64_t expired_tasks = 0;                  // cancelled because they did not start in time
  int64_t settled = 0;                        // dependents that were told how a parent ended
  bool more = false;                          // the limit was reached; call again
  absl::btree_set<std::string> lost_workers;  // whose leases expired

  friend bool operator==(const AdvanceAnswer&, const AdvanceAnswer&) = default;
};

// --- Cancel and retry
// --------------------------------------------------------------------------------

// Names tasks: `ids`, or the tasks of `batch_id` in order of their ids, a bite at a time.
struct Selection {
  std::vector<TaskId> ids;
  BatchId batch_id = 0;
  TaskId after = 0;       // with batch_id: where the last bite ended
  int64_t limit = 10000;  // with batch_id: tasks to look at in this bite
};

struct CancelAnswer {
  int64_t cancelled = 0;
  int64_t stopping = 0;
  int64_t finished = 0;
  TaskId next = 0;  // with batch_id: `after` of the next bite; 0: that was all

  friend bool operator==(const CancelAnswer&, const CancelAnswer&) = default;
};

struct RetryAnswer {
  int64_t retried = 0;
  int64_t skipped = 0;
  TaskId next = 0;  // as in CancelAnswer

  friend bool operator==(const RetryAnswer&, const RetryAnswer&) = default;
};

// --- What a transaction brought about
// ------------------------------------------------------------------

// For the dispatcher, which wakes those who wait for it.
struct Effects {
  struct Notice {
    std::string worker;
    Stop stop;
  };

  // How many tasks became ready, by queue and type.
  absl::btree_map<std::pair<std::string, std::string>, int64_t> ready;
  // Batches in which a task changed its state.
  absl::btree_set<BatchId> batches;
  // Running tasks whose cancel was asked for.
  std::vector<Notice> stops;
  // Earliest time at which Advance has to be called because of this transaction; InfinitePast if
  // there is work for it already.
  absl::Time next_due = absl::InfiniteFuture();
};

// --- Read
// ------------------------------------------------------------------------------------------

struct TaskQuery {
  BatchId batch_id = 0;                       // 0: any
  std::string queue;                          // empty: any
  std::string type;                           // empty: any
  std::vector<TaskState> states;              // empty: any
  std::map<std::string, std::string> labels;  // all of them
  TaskId after = 0;  // page from here, exclusive, in the direction of the order; 0 begins
  bool newest_first = false;
  int limit = 100;
  bool with_payload = false;
  bool with_result = false;
};

struct TaskPage {
  std::vector<Task> tasks;
  TaskId next = 0;  // `after` of the next page; 0: that was all. A page may be short, even empty,
                    // before the end: one call looks at a bounded number of tasks and bytes.
};

// Tasks of a batch that finished after `cursor`, in the order in which they did.
struct FinishedPage {
  std::vector<Task> tasks;
  int64_t cursor = 0;  // finish_seq of the last one, or the cursor asked with
  Batch batch;         // counts at least as new as the tasks
  bool more = false;   // there are more already
};

// In which queues tasks of a batch are. They never change; a batch that is open gets more of them.
struct BatchQueues {
  std::vector<std::string> queues;  // by name, each once
  TaskId last = 0;                  // the highest id there is; `after` if there are no more

  friend bool operator==(const BatchQueues&, const BatchQueues&) = default;
};

struct StoreLimits {
  int64_t max_batch = 1'000'000;                     // tasks in one batch
  int64_t max_queue_depth = 100'000'000;             // unfinished tasks in one queue
  int64_t max_queue_bytes = int64_t{1} << 40;        // of their payloads
  int64_t max_lanes = 10'000;                        // distinct pairs of queue and type
  absl::Duration retain_requests = absl::Hours(24);  // how long a request_id is remembered
  int64_t max_page_bytes = int64_t{4} << 20;         // payloads and results in one page
};

// --- The store
// -----------------------------------------------------------------------------------------

// When a transaction has to be safe from a loss of power. Either kind survives the end of the
// process once it is committed.
enum class Sync {
  kNow,    // before anybody is told of it: MakeDurable
  kLater,  // with the next kNow; for what may be forgotten without harm: claims and renewals,
           // because a lease id is never given out again even so
};

// Thread-safe, except that at most one Transaction may exist at a time.
class Store {
 public:
  // A group of writes that become durable together, or not at all. Not thread-safe. Destroyed
  // without Commit it leaves no trace.
  //
  // A verb that answers an error of its caller's (INVALID_ARGUMENT, NOT_FOUND, ALREADY_EXISTS,
  // FAILED_PRECONDITION, or RESOURCE_EXHAUSTED for a limit) has written nothing, and the
  // transaction goes on. After any other error the transaction is lost: Commit returns that error.
  class Transaction {
   public:
    virtual ~Transaction() = default;

    // Stores a batch or adds to one, all tasks or none.
    // INVALID_ARGUMENT: a dependency that does not exist, a position that is not an earlier one.
    // NOT_FOUND, FAILED_PRECONDITION: the batch to add to does not exist, is closed.
    // ALREADY_EXISTS: the request id was used with other content.
    // RESOURCE_EXHAUSTED: a limit of StoreLimits.
    virtual absl::StatusOr<InsertAnswer> Insert(absl::Time now, const InsertRequest& request) = 0;

    // Leases up to max_tasks READY tasks of queues that are not paused: from the queues and types
    // together, highest priority first, then earliest ready_at, then smallest id. So ordered by
    // itself is what each share takes, and what is taken once the shares are filled or their queues
    // have no more. May answer none; fewer than max_tasks only if there are no more or max_bytes is
    // reached.
    virtual absl::StatusOr<std::vector<LeasedTask>> Claim(absl::Time now, absl::Duration lease,
                                                          const ClaimRequest& request) = 0;

    // Records results; one status each. The rules are those of lifecycle.h (JudgeResult).
    virtual absl::StatusOr<std::vector<ResultStatus>> Complete(
        absl::Time now, absl::Span<const TaskResult> results) = 0;

    // Extends leases to now + lease. Answers the ones that must stop: those whose cancel was asked
    // for (their lease is extended all the same), and those that are no longer current.
    virtual absl::StatusOr<std::vector<Stop>> Renew(absl::Time now, absl::Duration lease,
                                                    absl::Span<const Lease> leases) = 0;

    // Lets time pass: puts back tasks whose lease ran out, makes SCHEDULED tasks READY whose time
    // has come, cancels tasks that did not start in time, and tells the dependents of finished
    // tasks. Each kind up to `limit` tasks, at least 1.
    virtual absl::StatusOr<AdvanceAnswer> Advance(absl::Time now, int64_t limit) = 0;

    // Makes every lease last until `until` at least: after a restart, or when the master itself
    // stood still, no worker had a chance to renew its own.
    virtual absl::Status ExtendLeases(absl::Time until) = 0;

    // Cancels. NOT_FOUND names an id that does not exist. With a batch, closes it.
    virtual absl::StatusOr<CancelAnswer> Cancel(absl::Time now, const Selection& selection,
                                                const std::string& reason) = 0;

    // Puts FAILED and, if named by id, CANCELLED tasks back. Skips a task whose key is taken, or
    // whose parents ended in a way that would cancel it again. NOT_FOUND as above.
    virtual absl::StatusOr<RetryAnswer> Retry(absl::Time now, const Selection& selection) = 0;

    // Idempotent.
    virtual absl::Status SetPaused(const std::string& queue, bool paused) = 0;

    // Forgets up to `limit` tasks of batches that have had no unfinished task since `before`, and
    // up to as many request ids whose time is over at `now`. A batch goes with its last task.
    // Answers how many tasks, batches and request ids went; less than `limit` means that no more
    // are due.
    virtual absl::StatusOr<int64_t> Purge(absl::Time now, absl::Time before, int64_t limit) = 0;

    // Makes it visible to transactions and reads, and lasting but for a loss of power.
    // RESOURCE_EXHAUSTED: the disk is full; nothing was
    // stored, and the store goes on. Any other error: the outcome is not known; stop the process,
    // start it again, and the store is what it is then.
    virtual absl::Status Commit() = 0;

    // What it brought about. Meaningful after Commit.
    virtual const Effects& effects() const = 0;
  };

  virtual ~Store() = default;

  virtual std::unique_ptr<Transaction> Begin(Sync sync) = 0;
  std::unique_ptr<Transaction> Begin() { return Begin(Sync::kNow); }

  // Returns when all that was committed with kNow is durable. May run beside a transaction, which
  // is the point of it. INTERNAL: it could not be; stop the process, as after a failed Commit.
  virtual absl::Status MakeDurable() = 0;

  // Reads see every transaction committed before they began and never wait for one; but they answer
  // nothing that was committed with kNow before it is durable, and fail if it cannot be.
  virtual absl::StatusOr<Task> GetTask(TaskId id) = 0;     // NOT_FOUND
  virtual absl::StatusOr<Batch> GetBatch(BatchId id) = 0;  // NOT_FOUND
  virtual absl::StatusOr<TaskPage> ListTasks(const TaskQuery& query) = 0;
  // Newest first, those with an id below `before` (0: all).
  virtual absl::StatusOr<std::vector<Batch>> ListBatches(BatchId before, int limit) = 0;
  // NOT_FOUND. At most `limit` tasks.
  virtual absl::StatusOr<FinishedPage> ListFinished(BatchId batch, int64_t cursor, int limit,
                                                    bool with_result) = 0;
  virtual absl::StatusOr<std::vector<Queue>> ListQueues() = 0;  // by name
  // Of the tasks of the batch with an id above `after`. NOT_FOUND.
  virtual absl::StatusOr<BatchQueues> ListQueuesOf(BatchId batch, TaskId after) = 0;
  virtual absl::StatusOr<int64_t> CountBatches() = 0;

  // Earliest time at which Advance has something to do; InfiniteFuture if never.
  virtual absl::StatusOr<absl::Time> NextDue() = 0;

  // The latest time that any transaction was given, by this process or an earlier one; InfinitePast
  // for a new store. The clock must begin there or later.
  virtual absl::Time last_time() const = 0;

  // "sqlite", "memory" ...
  virtual std::string name() const = 0;
  // "fsync" or "os"; empty for a store that keeps nothing.
  virtual std::string durability() const = 0;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_STORE_H_
