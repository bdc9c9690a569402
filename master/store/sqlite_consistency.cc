#include "master/store/sqlite_consistency.h"

#include <algorithm>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "master/store/id_pairs.h"
#include "master/store/lifecycle.h"
#include "master/store/sqlite_rows.h"
#include "master/store/sqlite_running.h"
#include "master/store/sqlite_successes.h"

namespace tarea {
namespace {

constexpr size_t kMaxContradictions = 20;
constexpr int kEpochShift = 40;  // of a lease id, see lease_ids.h

// What must have a task, and how its table names it.
constexpr std::pair<const char*, const char*> kTablesOfTasks[] = {
    {"states", "SELECT id FROM states WHERE id NOT IN (SELECT id FROM tasks) LIMIT 1"},
    {"outcomes",
     "SELECT task_id FROM outcomes WHERE task_id NOT IN (SELECT id FROM tasks) LIMIT 1"},
    {"attempts",
     "SELECT task_id FROM attempts WHERE task_id NOT IN (SELECT id FROM tasks) LIMIT 1"},
    {"labels", "SELECT task_id FROM labels WHERE task_id NOT IN (SELECT id FROM tasks) LIMIT 1"},
    {"keys", "SELECT task_id FROM keys WHERE task_id NOT IN (SELECT id FROM tasks) LIMIT 1"},
};

// The first schema that keeps the bytes of lanes.
constexpr int64_t kFirstSchemaWithBytes = 4;

struct Lane {
  Counts counts;
  int64_t bytes = 0;
};

struct ReadyRow {
  TaskId first = 0;
  TaskId last = 0;
  int64_t lane = 0;
  int64_t urgency = 0;
  int64_t ready_at = 0;
};

struct Segment {
  TaskId first = 0;
  TaskId last = 0;
  BatchId batch = 0;
};

// The run that has `id`, or null. `at` goes on from call to call, with ids that grow.
template <typename Run>
const Run* Find(const std::vector<Run>& runs, size_t& at, TaskId id) {
  while (at < runs.size() && runs[at].last < id) ++at;
  return at < runs.size() && runs[at].first <= id ? &runs[at] : nullptr;
}

class Checker {
 public:
  explicit Checker(SqliteConnection& connection)
      : connection_(connection), successes_(connection), running_(connection) {}

  Consistency Run() {
    LoadMeta();
    LoadLanes();
    LoadSegments();
    LoadReady();
    LoadClaims();
    LoadFinished();
    CheckTasks();
    CheckCounts();
    for (const auto& [table, sql] : kTablesOfTasks) {
      Query orphan(connection_, sql);
      if (orphan.Next()) {
        Complain("table ", table, " has a row of task ", orphan.Int(0), ", which is not there");
      }
    }
    return std::move(found_);
  }

 private:
  template <typename... Args>
  void Complain(const Args&... args) {
    if (found_.contradictions.size() < kMaxContradictions) {
      found_.contradictions.push_back(absl::StrCat(args...));
    }
  }

  // --- The lists ---
  void LoadMeta() {
    Query meta(connection_, "SELECT epoch, last_task, last_batch, last_finish FROM meta");
    if (!meta.Next()) {
      Complain("table meta is empty");
      return;
    }
    epoch_ = meta.Int(0);
    last_task_ = meta.Int(1);
    last_finish_ = meta.Int(3);
    const int64_t last_batch = connection_.PragmaInt("SELECT max(id) FROM batches");
    if (last_batch > meta.Int(2)) {
      Complain("batch ", last_batch, " is there, but the last one given out is ", meta.Int(2));
    }
  }

  void LoadLanes() {
    has_bytes_ = connection_.PragmaInt("PRAGMA user_version") >= kFirstSchemaWithBytes;
    Query lanes(connection_, has_bytes_ ? "SELECT id, " TAREA_COUNT_COLUMNS
                                          ", unfinished_bytes FROM lanes"
                                        : "SELECT id, " TAREA_COUNT_COLUMNS " FROM lanes");
    while (lanes.Next()) {
      lanes_[lanes.Int(0)] = {.counts = ReadCounts(lanes, 1),
                              .bytes = has_bytes_ ? ReadBytes(lanes, 1 + kTaskStates) : 0};
    }
  }

  void LoadSegments() {
    Query query(connection_, "SELECT first_id, last_id, batch_id FROM segments ORDER BY first_id");
    while (query.Next()) {
      const Segment segment = {query.Int(0), query.Int(1), query.Int(2)};
      if (!segments_.empty() && segments_.back().last >= segment.first) {
        Complain("task ", segment.first, " is in batch ", segments_.back().batch, " and in batch ",
                 segment.batch);
      }
      segments_.push_back(segment);
    }
  }

  void LoadReady() {
    Query query(
        connection_,
        "SELECT first_id, last_id, lane_id, urgency, ready_at FROM ready ORDER BY first_id");
    while (query.Next()) {
      const ReadyRow row = {query.Int(0), query.Int(1), query.Int(2), query.Int(3), query.Int(4)};
      if (!ready_.empty() && ready_.back().last >= row.first) {
        Complain("task ", row.first, " is listed twice among those that are ready");
      }
      listed_ready_ += row.last - row.first + 1;
      ready_.push_back(row);
    }
  }

  void LoadClaims() {
    Query query(connection_, "SELECT first_task, first_lease, tasks, id FROM claims");
    std::vector<TaskId> tasks;
    while (query.Next()) {
      for (const IdPair& pair : DecodeIdPairs({query.Int(0), query.Int(1)}, query.Bytes(2))) {
        tasks.push_back(pair.task);
        if (pair.number >> kEpochShift > epoch_) {
          Complain("task ", pair.task, " has a lease of epoch ", pair.number >> kEpochShift,
                   ", but this is epoch ", epoch_);
        }
      }
    }
    std::sort(tasks.begin(), tasks.end());
    // A task that was given back and claimed again is taken out of the first claim.
    const auto twice = std::adjacent_find(tasks.begin(), tasks.end());
    if (twice != tasks.end()) Complain("task ", *twice, " is claimed twice");
  }

  void LoadFinished() {
    Query query(connection_, "SELECT first_task, first_seq, tasks FROM finished");
    while (query.Next()) {
      for (const IdPair& pair : DecodeIdPairs({query.Int(0), query.Int(1)}, query.Bytes(2))) {
        finished_.push_back(pair);
      }
    }
    std::sort(finished_.begin(), finished_.end(), [](const IdPair& a, const IdPair& b) {
      return std::tie(a.task, a.number) < std::tie(b.task, b.number);
    });
  }

  // --- Each task ---
  void CheckTasks() {
    Query query(connection_,
                "SELECT " TAREA_TASK_COLUMNS " FROM " TAREA_TASK_TABLES " ORDER BY t.id");
    while (query.Next()) {
      TaskRow row = ReadTaskRow(query);
      if (!row.fresh || !successes_.Apply(row.core)) running_.Apply(row.core);
      found_.tasks++;
      CheckTask(row);
    }
    if (ready_tasks_ != listed_ready_) {
      Complain(listed_ready_, " tasks are listed as ready, but ", ready_tasks_, " are");
    }
    const int64_t keys = connection_.PragmaInt("SELECT count(*) FROM keys");
    if (keys != tasks_with_key_) {
      Complain(keys, " keys are taken, but ", tasks_with_key_, " unfinished tasks have one");
    }
  }

  void CheckTask(const TaskRow& row) {
    const TaskCore& task = row.core;
    const int state = static_cast<int>(task.state);
    if (state < 1 || state > kTaskStates) {
      Complain("task ", task.id, " has state ", state, ", which there is not");
      return;
    }
    if (task.id > last_task_) {
      Complain("task ", task.id, " is there, but the last one given out is ", last_task_);
    }
    const Segment* const segment = Find(segments_, segment_, task.id);
    if (segment == nullptr || segment->batch != task.batch_id) {
      Complain("task ", task.id, " is not listed in its batch ", task.batch_id);
    }
    const auto lane = lanes_.find(row.lane_id);
    if (lane == lanes_.end()) {
      Complain("task ", task.id, " is of a queue that is not there");
    } else {
      lane->second.counts[task.state]--;
      if (has_bytes_ && !IsFinal(task.state)) lane->second.bytes -= row.payload_bytes;
    }
    CountInBatch(task);
    CheckReady(row);
    if (!IsFinal(task.state)) {
      if (task.has_key) tasks_with_key_++;
    } else if (task.finish_seq < 1 || task.finish_seq > last_finish_ || !IsListedFinished(task)) {
      Complain("task ", task.id, " is finished as number ", task.finish_seq,
               ", but not listed so in its batch");
    }
  }

  void CheckReady(const TaskRow& row) {
    const TaskCore& task = row.core;
    const ReadyRow* const listed = Find(ready_, ready_at_, task.id);
    if (task.state != TaskState::kReady) {
      if (listed != nullptr) Complain("task ", task.id, " is listed as ready, but is not");
      return;
    }
    ready_tasks_++;
    if (listed == nullptr || listed->lane != row.lane_id || listed->urgency != -task.priority ||
        listed->ready_at != Micros(task.ready_at)) {
      Complain("task ", task.id, " is ready, but not listed so in its place");
    }
  }

  bool IsListedFinished(const TaskCore& task) {
    while (finished_at_ < finished_.size() && finished_[finished_at_].task < task.id) {
      ++finished_at_;
    }
    for (size_t i = finished_at_; i < finished_.size() && finished_[i].task == task.id; ++i) {
      if (finished_[i].number == task.finish_seq) return true;
    }
    return false;
  }

  // --- Counts ---
  // Of each batch is known what its counts say beyond the tasks that were seen of it; nothing once
  // that is nothing.
  void CountInBatch(const TaskCore& task) {
    auto batch = batches_.find(task.batch_id);
    if (batch == batches_.end()) {
      Query query(connection_, "SELECT " TAREA_COUNT_COLUMNS " FROM batches WHERE id = ?",
                  task.batch_id);
      Counts counts;
      if (query.Next()) {
        counts = ReadCounts(query, 0);
      } else {
        Complain("task ", task.id, " is of batch ", task.batch_id, ", which is not there");
      }
      batch = batches_.emplace(task.batch_id, counts).first;
    }
    batch->second[task.state]--;
    if (IsZero(batch->second)) batches_.erase(batch);
  }

  void CheckCounts() {
    for (const auto& [id, lane] : lanes_) {
      if (!IsZero(lane.counts)) {
        Complain("the counts of queue and type ", id, " are not those of its tasks");
      }
      if (lane.bytes != 0) {
        Complain("the bytes of queue and type ", id, " are not those of its unfinished tasks");
      }
    }
    for (const auto& [batch, counts] : batches_) {
      if (!IsZero(counts)) Complain("the counts of batch ", batch, " are not those of its tasks");
    }
    Query sum(connection_,
              "SELECT count(*), total(blocked + scheduled + ready + running + succeeded + failed + "
              "cancelled) FROM batches");
    sum.Next();
    found_.batches = sum.Int(0);
    if (sum.Double(1) != static_cast<double>(found_.tasks)) {
      Complain("the batches count ", sum.Double(1), " tasks, but there are ", found_.tasks);
    }
  }

  static bool IsZero(const Counts& counts) {
    return std::all_of(std::begin(counts.by_state), std::end(counts.by_state),
                       [](int64_t count) { return count == 0; });
  }

  SqliteConnection& connection_;
  SuccessView successes_;
  RunningView running_;
  Consistency found_;

  bool has_bytes_ = false;
  int64_t epoch_ = 0;
  int64_t last_task_ = 0;
  int64_t last_finish_ = 0;
  std::map<int64_t, Lane> lanes_;      // less those of the tasks that were seen
  std::map<BatchId, Counts> batches_;  // the same
  std::vector<Segment> segments_;
  std::vector<ReadyRow> ready_;
  std::vector<IdPair> finished_;
  size_t segment_ = 0;
  size_t ready_at_ = 0;
  size_t finished_at_ = 0;
  int64_t listed_ready_ = 0;
  int64_t ready_tasks_ = 0;
  int64_t tasks_with_key_ = 0;
};

}  // namespace

Consistency CheckConsistency(SqliteConnection& connection) { return Checker(connection).Run(); }

}  // namespace tarea
