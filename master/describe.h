#ifndef TAREA_MASTER_DESCRIBE_H_
#define TAREA_MASTER_DESCRIBE_H_

#include <string>
#include <vector>

#include "master/store/store.h"

// Tasks and results in a few words, for the log.
namespace tarea {

// "task 17 (echo)" or "3 tasks (17..19)". There is at least one.
std::string Describe(const std::vector<LeasedTask>& tasks);

// "result of task 17: succeeded" or "60 results: 58 succeeded, 2 failed, 1 stale or unknown,
// dropped". As many of the one as of the other.
std::string Describe(const std::vector<TaskResult>& results,
                     const std::vector<ResultStatus>& statuses);

}  // namespace tarea

#endif  // TAREA_MASTER_DESCRIBE_H_
