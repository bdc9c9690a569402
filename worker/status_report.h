#ifndef TAREA_WORKER_STATUS_REPORT_H_
#define TAREA_WORKER_STATUS_REPORT_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "worker/held_tasks.h"
#include "worker/result_sender.h"

namespace tarea {

// What a worker is about, for people.
struct StatusReport {
  // Of the tasks that run, so many are listed.
  static constexpr int kMostTasks = 20;

  int slots = 0;
  HeldTasks::Snapshot held;
  Totals totals;
  absl::Duration up;
  std::string connected_to;  // empty: to no master

  // A line for the worker, one for what it has done, and one for each task that runs.
  std::vector<std::string> Lines() const;
};

}  // namespace tarea

#endif  // TAREA_WORKER_STATUS_REPORT_H_
