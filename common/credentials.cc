#include "common/credentials.h"

#include <CLI/CLI.hpp>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "common/address.h"

namespace tarea {
namespace {

// Not a flag's variable, since there is no such flag.
constexpr char kTokenVariable[] = "TAREA_TOKEN";

absl::StatusOr<std::shared_ptr<TokenSource>> FindToken(const std::string& file) {
  if (!file.empty()) return TokenSource::FromFile(file);
  const char* const token = std::getenv(kTokenVariable);  // NOLINT(concurrency-mt-unsafe)
  if (token == nullptr || *token == '\0') return nullptr;
  return TokenSource::FromText(token);
}

// Whoever reads a token on its way can use it.
absl::Status CheckWay(const std::vector<std::string>& masters) {
  for (const std::string& master : masters) {
    if (IsLoopback(master)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("--tls-ca is not given, so the token would go to the master at ", master,
                     " for everybody on the way to read; give --tls-ca"));
  }
  return absl::OkStatus();
}

}  // namespace

void AddCredentialFlags(CLI::App& app, CredentialOptions& options) {
  AddTlsFlags(app, options.tls);
  app.add_option("--token-file", options.token_file,
                 "File with the token to show to the master; without it, TAREA_TOKEN may hold one")
      ->type_name("FILE");
}

absl::StatusOr<Credentials> MakeCredentials(const CredentialOptions& options,
                                            const std::vector<std::string>& masters,
                                            absl::Time now) {
  absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> channel =
      MakeChannelCredentials(FillIn(options.tls, options.program), now);
  if (!channel.ok()) return channel.status();
  absl::StatusOr<std::shared_ptr<TokenSource>> token = FindToken(options.token_file);
  if (!token.ok()) return token.status();
  if (*channel == nullptr && *token != nullptr) {
    if (absl::Status status = CheckWay(masters); !status.ok()) return status;
  }
  return Credentials{.channel = *std::move(channel), .token = *std::move(token)};
}

}  // namespace tarea
