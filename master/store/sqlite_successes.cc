#include "master/store/sqlite_successes.h"

#include <limits>

namespace tarea {

void SuccessWriter::Add(const TaskCore& task) {
  if (growing_.has_value()) {
    SuccessRun& run = *growing_;
    const int64_t distance = task.id - run.first_id;
    if (task.id == run.last_id + 1 && task.batch_id == run.batch_id &&
        task.lease_id == run.first_lease + distance &&
        task.finish_seq == run.first_seq + distance && task.has_outcome == run.has_outcome &&
        task.started_at == run.started_at && task.finished_at == run.finished_at &&
        task.worker == run.worker) {
      run.last_id = task.id;
      return;
    }
    Flush();
  }
  growing_ = SuccessRun{.batch_id = task.batch_id,
                        .first_id = task.id,
                        .last_id = task.id,
                        .has_outcome = task.has_outcome,
                        .first_lease = task.lease_id,
                        .first_seq = task.finish_seq,
                        .worker = task.worker,
                        .started_at = task.started_at,
                        .finished_at = task.finished_at};
}

void SuccessWriter::Flush() {
  if (!growing_.has_value()) return;
  const SuccessRun& run = *growing_;
  Query(connection_, "INSERT INTO successes VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", run.batch_id,
        run.last_id, run.first_id, run.has_outcome, run.first_lease, run.first_seq, run.worker,
        run.started_at, run.finished_at)
      .Run();
  growing_.reset();
}

bool SuccessView::Has(BatchId batch, TaskId id) {
  if (last_.Has(batch, id)) return true;
  if (batch == none_of_ && id >= none_from_ && id <= none_until_) return false;
  Query query(connection_,
              "SELECT last_id, first_id, has_outcome, first_lease, first_seq, worker, started_at, "
              "finished_at FROM successes WHERE batch_id = ? AND last_id >= ? "
              "ORDER BY last_id LIMIT 1",
              batch, id);
  const bool found = query.Next();
  if (!found || query.Int(1) > id) {
    none_of_ = batch;
    none_from_ = id;
    none_until_ = found ? query.Int(1) - 1 : std::numeric_limits<TaskId>::max();
    return false;
  }
  last_ = SuccessRun{.batch_id = batch,
                     .first_id = query.Int(1),
                     .last_id = query.Int(0),
                     .has_outcome = query.Int(2) != 0,
                     .first_lease = query.Int(3),
                     .first_seq = query.Int(4),
                     .worker = query.Bytes(5),
                     .started_at = query.Time(6),
                     .finished_at = query.Time(7)};
  return true;
}

bool SuccessView::Apply(TaskCore& task) {
  if (!Has(task.batch_id, task.id)) return false;
  const int64_t distance = task.id - last_.first_id;
  task.state = TaskState::kSucceeded;
  task.attempt = 1;
  task.has_outcome = last_.has_outcome;
  task.lease_id = last_.first_lease + distance;
  task.finish_seq = last_.first_seq + distance;
  task.worker = last_.worker;
  task.started_at = last_.started_at;
  task.finished_at = last_.finished_at;
  return true;
}

}  // namespace tarea
