#ifndef TAREA_CLIENT_TASK_IDS_H_
#define TAREA_CLIENT_TASK_IDS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "proto/tasks.pb.h"

namespace tarea {

// The ids of a batch's tasks by their position in it, as the answers to its SubmitTasks calls give
// them: one range per call, and now and then a task that was there already under the same key. Not
// thread-safe.
class TaskIds {
 public:
  // Adds the answer to the next call, which had `count` tasks.
  void Append(const v1::SubmitTasksResponse& answer, int64_t count);

  // Positions from 0 to size() - 1.
  int64_t size() const { return size_; }

  // How many tasks were stored, that is, were not there already.
  int64_t stored() const { return size_ - static_cast<int64_t>(existing_.size()); }

  // The id at `position`, which must be less than size(). One from `existing` is a task of another
  // batch.
  int64_t operator[](int64_t position) const;

  // The position of a task that was stored; nothing if `id` is none of these.
  std::optional<int64_t> PositionOf(int64_t id) const;

  // By position: tasks that were there already under the same key.
  const std::map<int64_t, int64_t>& existing() const { return existing_; }

  // The stored tasks for people, for instance "1..1000, 1020, 1022..1100"; "none".
  std::string ToString() const;

 private:
  struct Range {
    int64_t position = 0;
    int64_t id = 0;
    int64_t count = 0;
  };

  int64_t size_ = 0;
  std::vector<Range> ranges_;  // by position, and by id
  std::map<int64_t, int64_t> existing_;
};

// What a batch consists of once it is submitted.
struct Submission {
  int64_t batch_id = 0;
  TaskIds task_ids;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_TASK_IDS_H_
