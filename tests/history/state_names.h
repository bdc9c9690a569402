#ifndef TAREA_TESTS_HISTORY_STATE_NAMES_H_
#define TAREA_TESTS_HISTORY_STATE_NAMES_H_

#include "master/store/task.h"

namespace tarea {

inline const char* StateName(TaskState state) {
  switch (state) {
    case TaskState::kBlocked:
      return "BLOCKED";
    case TaskState::kScheduled:
      return "SCHEDULED";
    case TaskState::kReady:
      return "READY";
    case TaskState::kRunning:
      return "RUNNING";
    case TaskState::kSucceeded:
      return "SUCCEEDED";
    case TaskState::kFailed:
      return "FAILED";
    case TaskState::kCancelled:
      return "CANCELLED";
  }
  return "in no state";
}

}  // namespace tarea

#endif  // TAREA_TESTS_HISTORY_STATE_NAMES_H_
