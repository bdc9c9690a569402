#ifndef TAREA_COMMON_ADDRESS_H_
#define TAREA_COMMON_ADDRESS_H_

#include "absl/strings/string_view.h"

// Addresses as gRPC takes them: "host:port", "[::1]:port", "unix:PATH".
namespace tarea {

bool IsUnixSocket(absl::string_view address);

// Whether what is said to it stays on this machine. A name that merely begins like a number does
// not count: it may lead anywhere.
bool IsLoopback(absl::string_view address);

}  // namespace tarea

#endif  // TAREA_COMMON_ADDRESS_H_
