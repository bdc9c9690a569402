#ifndef TAREA_MASTER_SECURITY_ACCESS_H_
#define TAREA_MASTER_SECURITY_ACCESS_H_

#include <grpcpp/security/auth_context.h>
#include <grpcpp/server_context.h>

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "master/security/audit_log.h"
#include "master/security/caller.h"
#include "master/security/certificate_ends.h"
#include "master/security/rate_limiter.h"
#include "master/security/tokens.h"

namespace tarea {

struct AccessOptions {
  bool certificates = false;        // TLS asks callers for one
  std::unique_ptr<Tokens> tokens;   // null: none are taken
  int max_failures_a_minute = 60;   // of one host; more are told nothing but to wait
  std::function<absl::Time()> now;  // of the calendar, for what expires
};

// Finds out who calls, and whether their role lets them. Thread-safe.
//
// A token, if one is shown, says who somebody is; else the certificate does, whose common name is
// the name, and whose alternative names hold the grant (common/grant.h). Where neither is asked
// for, everybody may do everything.
class Access {
 public:
  // `audit` must outlive it.
  Access(AccessOptions options, AuditLog* audit);

  // `call` is its name, for messages.
  //   UNAUTHENTICATED    nobody knows who it is, or not any more
  //   PERMISSION_DENIED  the role does not include `needed`
  //   RESOURCE_EXHAUSTED too many attempts have failed from there; tells when to try again
  absl::StatusOr<Caller> Admit(const grpc::ServerContext& context, const char* call, Role needed);

 private:
  absl::StatusOr<Caller> Identify(const grpc::ServerContext& context);
  absl::StatusOr<Caller> ByCertificate(const grpc::AuthContext& context);
  absl::StatusOr<Caller> ByToken(absl::string_view header);

  const AccessOptions options_;
  RateLimiter failures_;
  CertificateEnds ends_;
  AuditLog* const audit_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_ACCESS_H_
