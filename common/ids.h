#ifndef TAREA_COMMON_IDS_H_
#define TAREA_COMMON_IDS_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tarea {

// 128 random bits as 32 hexadecimal digits: for request ids and the ids of worker processes.
// Thread-safe.
std::string RandomId();

// This machine's name, or "localhost" if it has none.
std::string HostName();

// What names of queues, types and workers consist of: 1 to `max_bytes` of [A-Za-z0-9] and `extra`.
bool IsName(absl::string_view text, size_t max_bytes, absl::string_view extra);

}  // namespace tarea

#endif  // TAREA_COMMON_IDS_H_
