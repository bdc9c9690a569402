#ifndef TAREA_COMMON_TLS_H_
#define TAREA_COMMON_TLS_H_

#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/cli_fwd.h"

// Who is who on a connection, by certificates in files (PEM). The files are looked at every second:
// what is put in their place is used for connections made from then on, and those that there are go
// on. Of a file that is missing then the last content stays in use; with one that is wrong, for
// instance a key of another certificate, no new connection is made until it is right.
namespace tarea {

struct TlsOptions {
  // As "master pki init" fills it. What is not set below is looked for there: the certificate of
  // the program's own name ("worker.crt", "worker.key") and the authority's, ca.crt.
  std::string directory = "";
  std::string certificate;  // of this program, and those between it and the authority
  std::string key;          // of that certificate; only its owner may be able to read the file
  std::string authority;    // whom to trust for the others' certificates
};

// --tls-dir, --tls-cert, --tls-key, --tls-ca. `options` must outlive `app`.
void AddTlsFlags(CLI::App& app, TlsOptions& options);

// The same with all paths filled in from the directory. `name` is that of the program.
TlsOptions FillIn(TlsOptions options, const std::string& name);

// Whether they say to use TLS at all. These and those below take what FillIn has made.
bool UsesTls(const TlsOptions& options);

// For a client or a worker, which checks that the master's certificate is signed by the authority
// and names the host it was called by. Null without TLS.
//   INVALID_ARGUMENT     flags that do not go together
//   NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION: a file, with what is wrong with it; at `now`
//   a certificate is not valid yet or any more
absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const TlsOptions& options, absl::Time now);

// For a master. With an authority, a connection without a certificate that it has signed is
// refused, unless `certificate_is_optional`. Errors as above.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& options, bool certificate_is_optional, absl::Time now);

}  // namespace tarea

#endif  // TAREA_COMMON_TLS_H_
