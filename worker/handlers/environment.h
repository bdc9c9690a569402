#ifndef TAREA_WORKER_HANDLERS_ENVIRONMENT_H_
#define TAREA_WORKER_HANDLERS_ENVIRONMENT_H_

#include <map>
#include <string>

#include "worker/handlers/exec_policy.h"

namespace tarea {

using Environment = std::map<std::string, std::string>;

// What commands get of the environment of this process as it is now (PassesOn).
Environment InheritedEnvironment(const ExecPolicy& policy);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_ENVIRONMENT_H_
