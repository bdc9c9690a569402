#ifndef TAREA_COMMON_VERSION_H_
#define TAREA_COMMON_VERSION_H_

#include "absl/strings/string_view.h"

namespace tarea {

// The version of this build, for instance "0.1.0".
absl::string_view Version();

}  // namespace tarea

#endif  // TAREA_COMMON_VERSION_H_
