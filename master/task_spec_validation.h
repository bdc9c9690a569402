#ifndef TAREA_MASTER_TASK_SPEC_VALIDATION_H_
#define TAREA_MASTER_TASK_SPEC_VALIDATION_H_

#include "absl/status/status.h"
#include "master/limits.h"
#include "master/request_checks.h"
#include "master/store/task.h"
#include "proto/tasks.pb.h"

namespace tarea {

// One task of a submission, which stands at `field`: checks it, and fills in `spec`, which must be
// a new one. INVALID_ARGUMENT.
absl::Status ParseTaskSpec(const v1::TaskSpec& proto, const Field& field, const Limits& limits,
                           TaskSpec& spec);

}  // namespace tarea

#endif  // TAREA_MASTER_TASK_SPEC_VALIDATION_H_
