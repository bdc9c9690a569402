#include "common/version.h"

namespace tarea {

absl::string_view Version() { return TAREA_VERSION; }

}  // namespace tarea
