#ifndef TAREA_COMMON_CREDENTIALS_H_
#define TAREA_COMMON_CREDENTIALS_H_

#include <grpcpp/security/credentials.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/cli_fwd.h"
#include "common/tls.h"
#include "common/token_source.h"

// How a client or a worker shows a master who it is, and knows the master for what it is.
namespace tarea {

struct CredentialOptions {
  std::string program = "client";  // whose certificate is looked for in tls.directory
  TlsOptions tls;
  std::string token_file;
};

struct Credentials {
  std::shared_ptr<grpc::ChannelCredentials> channel = nullptr;  // null: no TLS
  std::shared_ptr<TokenSource> token = nullptr;                 // null: none

  bool AnySecret() const { return channel != nullptr || token != nullptr; }
};

// --tls-dir, --tls-cert, --tls-key, --tls-ca, --token-file. `options` must outlive `app`.
void AddCredentialFlags(CLI::App& app, CredentialOptions& options);

// What the options name, to talk to `masters`. Without a token file the variable TAREA_TOKEN may
// hold one.
//   INVALID_ARGUMENT     options that do not go together; a token that would cross a network
//                        without TLS
//   NOT_FOUND, PERMISSION_DENIED, FAILED_PRECONDITION: a file, with what is wrong with it
absl::StatusOr<Credentials> MakeCredentials(const CredentialOptions& options,
                                            const std::vector<std::string>& masters,
                                            absl::Time now);

}  // namespace tarea

#endif  // TAREA_COMMON_CREDENTIALS_H_
