#include "common/address.h"

#include <arpa/inet.h>

#include <string>

#include "absl/strings/match.h"

namespace tarea {

bool IsUnixSocket(absl::string_view address) { return absl::StartsWith(address, "unix:"); }

bool IsLoopback(absl::string_view address) {
  if (IsUnixSocket(address)) return true;
  const std::string host(address.substr(0, address.rfind(':')));
  in_addr ipv4 = {};
  if (inet_pton(AF_INET, host.c_str(), &ipv4) == 1) return ntohl(ipv4.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]";
}

}  // namespace tarea
