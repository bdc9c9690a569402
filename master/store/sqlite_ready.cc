#include "master/store/sqlite_ready.h"

#include <sqlite3.h>

#include <algorithm>
#include <limits>
#include <queue>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

// How many runs of a lane are read at first. Most claims need no more.
constexpr int kFirstRuns = 4;

// A task may start late if it has started before.
absl::Time StartBy(const TaskCore& task) {
  return task.attempt == 0 ? task.start_by : absl::InfiniteFuture();
}

ReadyRun RunOf(const TaskRow& row, bool fresh) {
  return {.lane_id = row.lane_id,
          .urgency = -int64_t{row.core.priority},
          .ready_at = row.core.ready_at,
          .first_id = row.core.id,
          .last_id = row.core.id,
          .start_by = StartBy(row.core),
          .fresh = fresh};
}

bool Continues(const ReadyRun& run, const ReadyRun& next) {
  return next.first_id == run.last_id + 1 && next.lane_id == run.lane_id &&
         next.urgency == run.urgency && next.ready_at == run.ready_at &&
         next.start_by == run.start_by;
}

}  // namespace

void ReadyTasks::Add(const TaskRow& row) { Insert(RunOf(row, /*fresh=*/false)); }

void ReadyTasks::AddFresh(const TaskRow& row) {
  const ReadyRun next = RunOf(row, /*fresh=*/true);
  if (growing_.has_value() && Continues(*growing_, next)) {
    growing_->last_id = next.last_id;
    return;
  }
  Flush();
  growing_ = next;
}

void ReadyTasks::Flush() {
  if (growing_.has_value()) Insert(*growing_);
  growing_.reset();
}

void ReadyTasks::Remove(const TaskRow& row, absl::Time ready_at) {
  const TaskId id = row.core.id;
  ReadyRun run = RunOf(row, false);
  run.ready_at = ready_at;
  {
    Query query(connection_,
                "SELECT last_id, first_id, start_by, fresh FROM ready WHERE lane_id = ? "
                "AND urgency = ? AND ready_at = ? AND last_id >= ? ORDER BY last_id LIMIT 1",
                run.lane_id, run.urgency, run.ready_at, id);
    if (!query.Next() || query.Int(1) > id) {
      throw SQLite::Exception(absl::StrCat("task ", id, " is READY and not in the table ready"),
                              SQLITE_CORRUPT);
    }
    run.last_id = query.Int(0);
    run.first_id = query.Int(1);
    run.start_by = query.Time(2);
    run.fresh = query.Int(3) != 0;
  }
  ReadyRun before = run;
  before.last_id = id - 1;
  if (id == run.last_id) {
    Delete(run);
  } else {
    MoveFirst(run, id + 1);
  }
  if (before.size() > 0) Insert(before);
}

std::vector<ReadyRun> ReadyTasks::Next(int64_t lane_id, absl::Time now,
                                       const std::optional<ReadyRun>& after, int runs) {
  constexpr int64_t kFirst = std::numeric_limits<int64_t>::min();
  std::vector<ReadyRun> next;
  Query query(connection_,
              "SELECT urgency, ready_at, last_id, first_id, start_by, fresh FROM ready "
              "WHERE lane_id = ? AND (urgency, ready_at, last_id) > (?, ?, ?) "
              "AND (start_by IS NULL OR start_by > ?) ORDER BY urgency, ready_at, last_id LIMIT ?",
              lane_id, after.has_value() ? after->urgency : kFirst,
              after.has_value() ? absl::ToUnixMicros(after->ready_at) : kFirst,
              after.has_value() ? after->last_id : kFirst, now, runs);
  while (query.Next()) {
    ReadyRun& run = next.emplace_back();
    run.lane_id = lane_id;
    run.urgency = query.Int(0);
    run.ready_at = query.Time(1);
    run.last_id = query.Int(2);
    run.first_id = query.Int(3);
    if (run.first_id > run.last_id) ThrowDamaged("a run of READY tasks ends before it begins");
    run.start_by = query.Time(4);
    run.fresh = query.Int(5) != 0;
  }
  return next;
}

void ReadyTasks::Take(const ReadyRun& run, int64_t tasks) {
  if (tasks == run.size()) {
    Delete(run);
  } else {
    MoveFirst(run, run.first_id + tasks);
  }
}

void ReadyTasks::Insert(const ReadyRun& run) {
  Query(connection_, "INSERT INTO ready VALUES (?, ?, ?, ?, ?, ?, ?)", run.lane_id, run.urgency,
        run.ready_at, run.last_id, run.first_id, run.start_by, run.fresh)
      .Run();
}

void ReadyTasks::Delete(const ReadyRun& run) {
  Query(connection_,
        "DELETE FROM ready WHERE lane_id = ? AND urgency = ? AND ready_at = ? AND last_id = ?",
        run.lane_id, run.urgency, run.ready_at, run.last_id)
      .Run();
}

void ReadyTasks::MoveFirst(const ReadyRun& run, TaskId first_id) {
  Query(connection_,
        "UPDATE ready SET first_id = ? "
        "WHERE lane_id = ? AND urgency = ? AND ready_at = ? AND last_id = ?",
        first_id, run.lane_id, run.urgency, run.ready_at, run.last_id)
      .Run();
}

// --- Merging lanes
// -------------------------------------------------------------------------------------------------

void ReadyMerge::AddLane(int64_t lane_id, absl::string_view queue) {
  Lane lane;
  lane.id = lane_id;
  lane.queue = queue;
  if (Advance(lane)) lanes_.push_back(std::move(lane));
}

bool ReadyMerge::Advance(Lane& lane) {
  if (!lane.read.empty() && ++lane.at == lane.read.size()) {
    if (static_cast<int>(lane.read.size()) < lane.chunk) return false;
    lane.chunk *= 4;
    lane.read = ready_.Next(lane.id, now_, lane.read.back(), lane.chunk);
    lane.at = 0;
  } else if (lane.read.empty()) {
    lane.chunk = kFirstRuns;
    lane.read = ready_.Next(lane.id, now_, std::nullopt, lane.chunk);
  }
  if (lane.read.empty()) return false;
  runs_.push_back(Current(lane));
  lane.run = runs_.size() - 1;
  lane.next_id = Current(lane).first_id;
  return true;
}

bool ReadyMerge::Before(const Lane& a, const Lane& b) const {
  const ReadyRun& x = Current(a);
  const ReadyRun& y = Current(b);
  return std::tie(x.urgency, x.ready_at, a.next_id) < std::tie(y.urgency, y.ready_at, b.next_id);
}

void ReadyMerge::Take(int64_t tasks, absl::string_view queue) {
  // A heap of indices of lanes_, the one to take from next on top.
  const auto after = [this](size_t a, size_t b) { return Before(lanes_[b], lanes_[a]); };
  std::priority_queue<size_t, std::vector<size_t>, decltype(after)> heap(after);
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const bool has_more = lanes_[i].at < lanes_[i].read.size();
    if (has_more && (queue.empty() || lanes_[i].queue == queue)) heap.push(i);
  }
  while (tasks > 0 && !heap.empty()) {
    const size_t top = heap.top();
    heap.pop();
    Lane& lane = lanes_[top];
    const ReadyRun& run = Current(lane);
    // All of a run is before whatever another lane has: no id of theirs lies between its own.
    const TaskId last = std::min(run.last_id, lane.next_id + tasks - 1);
    pieces_.push_back({lane.run, lane.next_id, last});
    tasks -= pieces_.back().size();
    lane.next_id = last + 1;
    if (last < run.last_id || Advance(lane)) heap.push(top);
  }
}

absl::Time OldestReady(SqliteConnection& connection, int64_t lane_id) {
  // They are by urgency first: look at the head of each that occurs.
  absl::Time oldest = absl::InfiniteFuture();
  int64_t above = std::numeric_limits<int64_t>::min();
  while (true) {
    Query query(connection,
                "SELECT urgency, ready_at FROM ready WHERE lane_id = ? AND urgency > ? "
                "ORDER BY urgency, ready_at LIMIT 1",
                lane_id, above);
    if (!query.Next()) return oldest;
    above = query.Int(0);
    oldest = std::min(oldest, query.Time(1));
  }
}

}  // namespace tarea
