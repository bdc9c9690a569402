#include "master/security/caller.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/logging.h"

namespace tarea {

std::string Caller::host() const {
  const std::string whole = address.substr(0, address.rfind(':'));
  // gRPC writes the brackets so.
  const std::string text =
      absl::StrReplaceAll(whole, {{"ipv6:", ""}, {"%5B", ""}, {"%5D", ""}, {"[", ""}, {"]", ""}});
  in6_addr parsed;
  if (!absl::StartsWith(whole, "ipv6:") || inet_pton(AF_INET6, text.c_str(), &parsed) != 1) {
    return whole;
  }
  std::fill(parsed.s6_addr + 8, parsed.s6_addr + 16, 0);
  char network[INET6_ADDRSTRLEN];
  return absl::StrCat("ipv6:", inet_ntop(AF_INET6, &parsed, network, sizeof(network)), "/64");
}

std::string Describe(const Caller& caller) {
  if (caller.name.empty()) return caller.address;
  return absl::StrCat(Printable(caller.name, 64), " at ", caller.address);
}

}  // namespace tarea
