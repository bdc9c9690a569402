#include "master/security/access.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/security/auth_context.h>

#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "common/logging.h"

namespace tarea {
namespace {

absl::string_view View(const grpc::string_ref& text) { return {text.data(), text.size()}; }

std::optional<std::string> HeaderOf(const grpc::ServerContext& context) {
  const auto& metadata = context.client_metadata();
  const auto header = metadata.find("authorization");
  if (header == metadata.end()) return std::nullopt;
  return std::string(View(header->second));
}

std::string FirstProperty(const grpc::AuthContext& context, const char* name) {
  const std::vector<grpc::string_ref> values = context.FindPropertyValues(name);
  return values.empty() ? "" : std::string(View(values.front()));
}

absl::StatusOr<Caller> OwnerOf(const grpc::AuthContext& context) {
  Caller caller;
  caller.name = FirstProperty(context, GRPC_X509_CN_PROPERTY_NAME);
  if (caller.name.empty()) {
    return absl::UnauthenticatedError(
        "the certificate has no common name, so nobody could say later who it was; have one made "
        "with a name (master pki issue)");
  }
  std::vector<std::string> uris;
  for (const grpc::string_ref& uri : context.FindPropertyValues(GRPC_PEER_URI_PROPERTY_NAME)) {
    // Others may be there for others.
    if (absl::StartsWith(View(uri), "tarea:")) uris.emplace_back(View(uri));
  }
  absl::StatusOr<Grant> grant = ParseGrantUris(uris);
  if (!grant.ok()) {
    return absl::UnauthenticatedError(
        absl::StrCat("the certificate of '", Printable(caller.name, 64),
                     "' does not say what its owner may do: ", grant.status().message(),
                     "; have one made for a worker or a client (master pki issue)"));
  }
  caller.grant = *std::move(grant);
  return caller;
}

absl::Status Denied(const Caller& caller, const char* call, Role needed) {
  return absl::PermissionDeniedError(absl::StrCat("'", Printable(caller.name, 64),
                                                  "' has the role ", RoleName(caller.grant.role),
                                                  "; ", call, " needs ", RoleName(needed)));
}

absl::Status TooMany(const std::string& host, absl::Duration wait) {
  return absl::ResourceExhaustedError(
      absl::StrCat("too many attempts with wrong credentials from ", Printable(host),
                   "; try again in ", absl::FormatDuration(absl::Ceil(wait, absl::Seconds(1)))));
}

}  // namespace

Access::Access(AccessOptions options, AuditLog* audit)
    : options_(std::move(options)),
      failures_(options_.max_failures_a_minute / 60.0, options_.max_failures_a_minute),
      audit_(audit) {}

absl::StatusOr<Caller> Access::Admit(const grpc::ServerContext& context, const char* call,
                                     Role needed) {
  const std::string peer = context.peer();
  absl::StatusOr<Caller> caller = Identify(context);
  if (!caller.ok()) {
    audit_->RecordStranger(peer, call, caller.status());
    // Nobody guesses 256 bits; but each failure takes a line in the log. Who shows what is right
    // does not suffer from others on the same host.
    const std::string host = Caller{.name = "", .address = peer, .grant = {}}.host();
    const absl::Duration wait = failures_.Take(host, 1, options_.now());
    if (wait > absl::ZeroDuration()) return TooMany(host, wait);
    return caller.status();
  }
  caller->address = peer;
  if (!caller->grant.Allows(needed)) {
    const absl::Status denied = Denied(*caller, call, needed);
    audit_->Record(*caller, call, denied);
    return denied;
  }
  return caller;
}

absl::StatusOr<Caller> Access::Identify(const grpc::ServerContext& context) {
  const std::optional<std::string> header = HeaderOf(context);
  if (header.has_value() && options_.tokens != nullptr) return ByToken(*header);
  if (options_.certificates) {
    const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
    if (auth != nullptr && auth->IsPeerAuthenticated()) return ByCertificate(*auth);
  }
  if (!options_.certificates && options_.tokens == nullptr) {
    return Caller{.name = "", .address = "", .grant = {.role = Role::kAdmin, .queues = {}}};
  }
  if (header.has_value()) {
    return absl::UnauthenticatedError(
        "this master takes no tokens (--accept-tokens); show a certificate (--tls-cert, "
        "--tls-key)");
  }
  return absl::UnauthenticatedError(
      options_.tokens == nullptr
          ? "there is no certificate to tell who you are; give one (--tls-cert, --tls-key)"
          : "there is nothing to tell who you are; give a token (--token-file, or the variable "
            "TAREA_TOKEN) or, with TLS, a certificate (--tls-cert, --tls-key)");
}

absl::StatusOr<Caller> Access::ByCertificate(const grpc::AuthContext& context) {
  absl::StatusOr<Caller> caller = OwnerOf(context);
  if (!caller.ok()) return caller;
  const absl::StatusOr<absl::Time> until =
      ends_.EndOf(FirstProperty(context, GRPC_X509_PEM_CERT_PROPERTY_NAME));
  if (!until.ok()) return absl::UnauthenticatedError(until.status().message());
  if (options_.now() <= *until) return caller;
  return absl::UnauthenticatedError(
      absl::StrCat("the certificate of '", Printable(caller->name, 64), "' was valid until ",
                   absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", *until, absl::UTCTimeZone()),
                   "; put a new one in its place (master pki issue)"));
}

absl::StatusOr<Caller> Access::ByToken(absl::string_view header) {
  if (!absl::ConsumePrefix(&header, "Bearer ")) {
    return absl::UnauthenticatedError("the header \"authorization\" is not \"Bearer TOKEN\"");
  }
  absl::StatusOr<TokenInfo> token = options_.tokens->Find(header, options_.now());
  if (!token.ok()) return token.status();
  return Caller{.name = token->name, .address = "", .grant = std::move(token->grant)};
}

}  // namespace tarea
