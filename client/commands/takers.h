#ifndef TAREA_CLIENT_COMMANDS_TAKERS_H_
#define TAREA_CLIENT_COMMANDS_TAKERS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Whether the worker asks for tasks of this type from this queue.
bool Takes(const v1::Worker& worker, absl::string_view type, absl::string_view queue);

// Whether any of them does.
bool AnyTakes(const v1::ListWorkersResponse& workers, absl::string_view type,
              absl::string_view queue);

// Why no task of this type may be taken from this queue: there is no worker, none that takes them,
// or only busy ones and such that drain. Says what each does take, and how to start one that fits
// with the master at `master`. Empty if somebody is there to take them.
std::string WhyNobodyTakes(const v1::ListWorkersResponse& workers, absl::string_view type,
                           absl::string_view queue, absl::string_view master);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TAKERS_H_
