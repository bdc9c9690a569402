#ifndef TAREA_COMMON_GRANT_H_
#define TAREA_COMMON_GRANT_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// What somebody may do: a role, for all queues or some. It stands in certificates, as URIs among
// the subject's alternative names, and with tokens.
namespace tarea {

enum class Role {
  kRead,    // sees tasks, batches, queues and workers
  kSubmit,  // and submits, cancels and retries
  kWork,    // takes tasks and reports results
  kAdmin,   // everything
};

// "read", "submit", "work", "admin".
absl::string_view RoleName(Role role);
// INVALID_ARGUMENT names what there is.
absl::StatusOr<Role> ParseRole(absl::string_view name);

struct Grant {
  Role role = Role::kRead;
  std::vector<std::string> queues;  // empty: all

  // Whether the role includes `needed`. Each role includes itself, submit includes read, and admin
  // all.
  bool Allows(Role needed) const;
  bool AllowsQueue(absl::string_view queue) const;

  friend bool operator==(const Grant&, const Grant&) = default;
};

// INVALID_ARGUMENT: a queue that cannot be one.
absl::Status CheckQueues(const Grant& grant);

// "tarea:submit" for all queues; for some, one "tarea:submit?queue=images" for each.
std::vector<std::string> GrantUris(const Grant& grant);
// What such URIs say together, in any order. INVALID_ARGUMENT: one of them is none, or they do not
// name the same role, or there are none.
absl::StatusOr<Grant> ParseGrantUris(absl::Span<const std::string> uris);

}  // namespace tarea

#endif  // TAREA_COMMON_GRANT_H_
