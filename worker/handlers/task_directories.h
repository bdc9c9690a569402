#ifndef TAREA_WORKER_HANDLERS_TASK_DIRECTORIES_H_
#define TAREA_WORKER_HANDLERS_TASK_DIRECTORIES_H_

#include <cstdint>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/handlers/process_user.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {

// Empty directories for tasks, all in one directory of this worker below `parent`. The worker holds
// a lock on that, which ends with its process however that ends: what has no holder is what a dead
// worker left behind. Thread-safe.
class TaskDirectories {
 public:
  // Removes what dead workers of the same user left in `parent`. `user` is who the tasks run as.
  explicit TaskDirectories(std::string parent, const ProcessUser& user = {});
  // Removes what is left.
  ~TaskDirectories();
  TaskDirectories(const TaskDirectories&) = delete;
  TaskDirectories& operator=(const TaskDirectories&) = delete;

  // The path of a new one, which only the user of the tasks may enter.
  absl::StatusOr<std::string> Make(int64_t task_id) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status MakeOwn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string parent_;
  const ProcessUser user_;
  absl::Mutex mu_;
  std::string own_ ABSL_GUARDED_BY(mu_);  // empty before it is needed
  UniqueFd lock_ ABSL_GUARDED_BY(mu_);
};

// Removes a directory and all that is in it, also where it is not allowed to be read. What cannot
// be removed is logged, and left.
void RemoveTree(const std::string& path);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_TASK_DIRECTORIES_H_
