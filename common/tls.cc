#include "common/tls.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "common/x509.h"

namespace tarea {
namespace {

namespace tls = grpc::experimental;

constexpr unsigned int kLookEverySeconds = 1;

absl::Status CheckValid(X509* certificate, const std::string& path, absl::Time now) {
  const absl::StatusOr<Validity> validity = ValidityOf(certificate);
  if (!validity.ok()) return validity.status();
  const auto date = [](absl::Time time) {
    return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
  };
  if (now > validity->until) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the certificate ", path, " is not valid since ", date(validity->until),
        "; have a new one made (master pki), or set this machine's clock, if it is wrong"));
  }
  if (now < validity->from) {
    return absl::FailedPreconditionError(absl::StrCat("the certificate ", path,
                                                      " is not valid before ", date(validity->from),
                                                      "; it is ", date(now), " on this machine"));
  }
  return absl::OkStatus();
}

absl::Status CheckAuthority(const std::string& path, absl::Time now) {
  const absl::StatusOr<SslCertificate> certificate = ReadCertificate(path);
  if (!certificate.ok()) return certificate.status();
  return CheckValid(certificate->get(), path, now);
}

absl::Status CheckIdentity(const TlsOptions& options, absl::Time now) {
  const absl::StatusOr<SslCertificate> certificate = ReadCertificate(options.certificate);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<SslKey> key = ReadPrivateKey(options.key);
  if (!key.ok()) return key.status();
  absl::Status status = CheckPair(certificate->get(), options.certificate, key->get(), options.key);
  if (status.ok()) status = CheckValid(certificate->get(), options.certificate, now);
  return status;
}

// gRPC itself would only log what is wrong, and refuse connections.
absl::Status Check(const TlsOptions& options, absl::Time now) {
  if (options.certificate.empty() != options.key.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.key.empty() ? "--tls-cert" : "--tls-key", " is given without ",
                     options.key.empty() ? "--tls-key" : "--tls-cert", "; they go together"));
  }
  if (!options.authority.empty()) {
    const absl::Status status = CheckAuthority(options.authority, now);
    if (!status.ok()) return status;
  }
  return options.certificate.empty() ? absl::OkStatus() : CheckIdentity(options, now);
}

std::shared_ptr<tls::CertificateProviderInterface> Watch(const TlsOptions& options) {
  return std::make_shared<tls::FileWatcherCertificateProvider>(
      options.key, options.certificate, options.authority, kLookEverySeconds);
}

void Use(const TlsOptions& options, tls::TlsCredentialsOptions& credentials) {
  if (!options.authority.empty()) credentials.watch_root_certs();
  if (!options.certificate.empty()) credentials.watch_identity_key_cert_pairs();
}

}  // namespace

void AddTlsFlags(CLI::App& app, TlsOptions& options) {
  app.add_option(
         "--tls-dir", options.directory,
         "Directory with the three files below, under the names that \"master pki\" gives them")
      ->type_name("DIR");
  app.add_option("--tls-cert", options.certificate, "Certificate of this program, as PEM")
      ->type_name("FILE");
  app.add_option("--tls-key", options.key, "Its private key; nobody else may be able to read it")
      ->type_name("FILE");
  app.add_option("--tls-ca", options.authority, "Certificate of who signs those of the others")
      ->type_name("FILE");
}

TlsOptions FillIn(TlsOptions options, const std::string& name) {
  if (options.directory.empty()) return options;
  const std::string base = options.directory + "/";
  if (options.certificate.empty() && options.key.empty()) {
    options.certificate = absl::StrCat(base, name, ".crt");
    options.key = absl::StrCat(base, name, ".key");
  }
  if (options.authority.empty()) options.authority = base + "ca.crt";
  return options;
}

bool UsesTls(const TlsOptions& options) {
  return !options.certificate.empty() || !options.key.empty() || !options.authority.empty();
}

absl::StatusOr<std::shared_ptr<grpc::ChannelCredentials>> MakeChannelCredentials(
    const TlsOptions& options, absl::Time now) {
  if (!UsesTls(options)) return nullptr;
  if (const absl::Status status = Check(options, now); !status.ok()) return status;
  if (options.authority.empty()) {
    return absl::InvalidArgumentError(
        "--tls-cert is given without --tls-ca; without it nobody can tell whether that is the "
        "master");
  }
  tls::TlsChannelCredentialsOptions credentials;
  credentials.set_certificate_provider(Watch(options));
  Use(options, credentials);
  return tls::TlsCredentials(credentials);
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    const TlsOptions& options, bool certificate_is_optional, absl::Time now) {
  if (!UsesTls(options)) return grpc::InsecureServerCredentials();
  if (const absl::Status status = Check(options, now); !status.ok()) return status;
  if (options.certificate.empty()) {
    return absl::InvalidArgumentError(
        "--tls-ca is given without --tls-cert and --tls-key; a master needs a certificate of its "
        "own");
  }
  tls::TlsServerCredentialsOptions credentials(Watch(options));
  Use(options, credentials);
  if (!options.authority.empty()) {
    credentials.set_cert_request_type(
        certificate_is_optional ? GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY
                                : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  }
  return tls::TlsServerCredentials(credentials);
}

}  // namespace tarea
