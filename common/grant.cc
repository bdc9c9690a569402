#include "common/grant.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/ids.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr std::array<std::pair<Role, absl::string_view>, 4> kRoles = {{{Role::kRead, "read"},
                                                                       {Role::kSubmit, "submit"},
                                                                       {Role::kWork, "work"},
                                                                       {Role::kAdmin, "admin"}}};
constexpr absl::string_view kScheme = "tarea:";
constexpr absl::string_view kQueue = "?queue=";
constexpr size_t kMaxQueueBytes = 128;

// One URI: a role, and at most one queue.
absl::StatusOr<Grant> ParseUri(absl::string_view uri) {
  const auto wrong = [uri](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("'", Printable(uri, 256), "': ", why));
  };
  absl::string_view rest = uri;
  if (!absl::ConsumePrefix(&rest, kScheme)) return wrong("it does not begin with tarea:");
  const size_t end = std::min(rest.find('?'), rest.size());
  const absl::StatusOr<Role> role = ParseRole(rest.substr(0, end));
  if (!role.ok()) return wrong(role.status().message());
  rest.remove_prefix(end);
  Grant grant{.role = *role, .queues = {}};
  if (rest.empty()) return grant;
  if (!absl::ConsumePrefix(&rest, kQueue)) return wrong("after the role only ?queue=NAME can come");
  grant.queues.emplace_back(rest);
  const absl::Status status = CheckQueues(grant);
  return status.ok() ? absl::StatusOr<Grant>(std::move(grant)) : wrong(status.message());
}

}  // namespace

absl::string_view RoleName(Role role) { return kRoles[static_cast<size_t>(role)].second; }

absl::StatusOr<Role> ParseRole(absl::string_view name) {
  for (const auto& [role, its_name] : kRoles) {
    if (name == its_name) return role;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("the role '", Printable(name, 64), "' is none of read, submit, work, admin"));
}

bool Grant::Allows(Role needed) const {
  return role == needed || role == Role::kAdmin || (role == Role::kSubmit && needed == Role::kRead);
}

bool Grant::AllowsQueue(absl::string_view queue) const {
  return queues.empty() || std::find(queues.begin(), queues.end(), queue) != queues.end();
}

absl::Status CheckQueues(const Grant& grant) {
  for (const std::string& queue : grant.queues) {
    if (IsName(queue, kMaxQueueBytes, "._:/-")) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("'", Printable(queue, 256), "' is no name of a queue"));
  }
  return absl::OkStatus();
}

std::vector<std::string> GrantUris(const Grant& grant) {
  const std::string role = absl::StrCat(kScheme, RoleName(grant.role));
  if (grant.queues.empty()) return {role};
  std::vector<std::string> uris;
  for (const std::string& queue : grant.queues) uris.push_back(absl::StrCat(role, kQueue, queue));
  return uris;
}

absl::StatusOr<Grant> ParseGrantUris(absl::Span<const std::string> uris) {
  std::optional<Grant> whole;
  bool all = false;
  for (const std::string& uri : uris) {
    absl::StatusOr<Grant> part = ParseUri(uri);
    if (!part.ok()) return part.status();
    all = all || part->queues.empty();
    if (!whole.has_value()) whole = Grant{.role = part->role, .queues = {}};
    if (whole->role != part->role) {
      return absl::InvalidArgumentError(
          absl::StrCat("it has two roles, ", RoleName(whole->role), " and ", RoleName(part->role)));
    }
    whole->queues.insert(whole->queues.end(), part->queues.begin(), part->queues.end());
  }
  if (!whole.has_value()) return absl::InvalidArgumentError("it has no role");
  if (all) whole->queues.clear();
  return *std::move(whole);
}

}  // namespace tarea
