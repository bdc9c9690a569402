#include "master/security/pki.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/ids.h"
#include "common/logging.h"
#include "common/x509.h"

namespace tarea {
namespace {

// Clocks differ a little: what was just made must be valid for those that are behind.
constexpr absl::Duration kClockSkew = absl::Minutes(5);
constexpr absl::Duration kAuthorityValid = absl::Hours(10 * 365 * 24);
constexpr int kSerialBits = 127;
constexpr size_t kMaxNameBytes = 64;  // the limit of X.509 for a common name
constexpr size_t kMaxHostBytes = 253;

using Number = std::unique_ptr<BIGNUM, SslFree<BN_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, SslFree<X509_EXTENSION_free>>;
using File = std::unique_ptr<FILE, SslFree<fclose>>;

absl::Status SystemError(const std::string& what) {
  const int error = errno;
  const std::string text = absl::StrCat(what, ": ", std::generic_category().message(error));
  return error == EEXIST ? absl::AlreadyExistsError(text) : absl::FailedPreconditionError(text);
}

std::string KeyPath(const std::string& directory, const std::string& name) {
  return absl::StrCat(directory, "/", name, ".key");
}
std::string CertificatePath(const std::string& directory, const std::string& name) {
  return absl::StrCat(directory, "/", name, ".crt");
}

// A file that was not there before.
absl::StatusOr<File> Create(const std::string& path, mode_t mode) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return SystemError(path);
  return File(fdopen(fd, "w"));
}

absl::Status Close(File file, const std::string& path) {
  const bool written = fflush(file.get()) == 0 && fsync(fileno(file.get())) == 0;
  return written ? absl::OkStatus() : SystemError(path);
}

// Both, or neither.
absl::Status WritePair(const std::string& directory, const std::string& name, EVP_PKEY* key,
                       X509* certificate) {
  const std::string key_path = KeyPath(directory, name);
  const std::string path = CertificatePath(directory, name);
  absl::StatusOr<File> key_file = Create(key_path, 0600);
  if (!key_file.ok()) return key_file.status();
  absl::Cleanup remove_key = [&] { unlink(key_path.c_str()); };
  absl::StatusOr<File> file = Create(path, 0644);
  if (!file.ok()) return file.status();
  absl::Cleanup remove = [&] { unlink(path.c_str()); };
  if (PEM_write_PrivateKey(key_file->get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1 ||
      PEM_write_X509(file->get(), certificate) != 1) {
    return SslError(absl::StrCat(path, " cannot be written"));
  }
  absl::Status status = Close(*std::move(key_file), key_path);
  if (status.ok()) status = Close(*std::move(file), path);
  if (!status.ok()) return status;
  std::move(remove_key).Cancel();
  std::move(remove).Cancel();
  return status;
}

absl::Status AddExtension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  if (extension == nullptr || X509_add_ext(certificate, extension.get(), -1) != 1) {
    return SslError(absl::StrCat("the certificate cannot say '", value, "'"));
  }
  return absl::OkStatus();
}

// One with what all have: a number, a name, a time, a key.
absl::StatusOr<SslCertificate> Begin(const std::string& name, EVP_PKEY* key, absl::Time from,
                                     absl::Time until) {
  SslCertificate certificate(X509_new());
  const Number serial(BN_new());
  X509_NAME* const subject = X509_get_subject_name(certificate.get());
  const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
  const bool made =
      X509_set_version(certificate.get(), X509_VERSION_3) == 1 &&
      BN_rand(serial.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
      BN_to_ASN1_INTEGER(serial.get(), X509_get_serialNumber(certificate.get())) != nullptr &&
      X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1 &&
      ASN1_TIME_set(X509_getm_notBefore(certificate.get()), absl::ToTimeT(from)) != nullptr &&
      ASN1_TIME_set(X509_getm_notAfter(certificate.get()), absl::ToTimeT(until)) != nullptr &&
      X509_set_pubkey(certificate.get(), key) == 1;
  if (!made) return SslError("the certificate cannot be made");
  return certificate;
}

absl::Status Finish(X509* certificate, X509* issuer, EVP_PKEY* key) {
  absl::Status status = AddExtension(certificate, issuer, NID_subject_key_identifier, "hash");
  if (status.ok()) {
    status = AddExtension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  }
  if (!status.ok()) return status;
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) != 1 ||
      X509_sign(certificate, key, EVP_sha256()) == 0) {
    return SslError("the certificate cannot be signed");
  }
  return absl::OkStatus();
}

absl::StatusOr<SslKey> MakeKey() {
  SslKey key(EVP_EC_gen("P-256"));
  if (key == nullptr) return SslError("no key can be made");
  return key;
}

bool IsAddress(const std::string& host) {
  in6_addr any = {};
  return inet_pton(AF_INET, host.c_str(), &any) == 1 ||
         inet_pton(AF_INET6, host.c_str(), &any) == 1;
}

// As OpenSSL reads it: nothing in a name may end it or begin something else.
absl::StatusOr<std::string> AlternativeNames(const std::vector<std::string>& hosts) {
  if (hosts.empty()) {
    return absl::InvalidArgumentError(
        "a master's certificate needs the names or addresses that it is called by: --host");
  }
  std::vector<std::string> names;
  for (const std::string& host : hosts) {
    if (IsAddress(host)) {
      names.push_back(absl::StrCat("IP:", host));
    } else if (IsName(host, kMaxHostBytes, ".-*")) {
      names.push_back(absl::StrCat("DNS:", host));
    } else {
      return absl::InvalidArgumentError(
          absl::StrCat("'", Printable(host), "' is neither the name of a host nor an IP address"));
    }
  }
  return absl::StrJoin(names, ",");
}

}  // namespace

absl::StatusOr<CertificateAuthority> CertificateAuthority::Make(const std::string& directory,
                                                                absl::Time now) {
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return SystemError(directory);
  const absl::StatusOr<SslKey> key = MakeKey();
  if (!key.ok()) return key.status();
  const absl::StatusOr<SslCertificate> certificate =
      Begin("Tarea CA", key->get(), now - kClockSkew, now + kAuthorityValid);
  if (!certificate.ok()) return certificate.status();
  X509* const it = certificate->get();
  absl::Status status = AddExtension(it, it, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  if (status.ok()) status = AddExtension(it, it, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (status.ok()) status = Finish(it, it, key->get());
  if (status.ok()) status = WritePair(directory, "ca", key->get(), it);
  if (!status.ok()) return status;
  return CertificateAuthority(directory);
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::Open(const std::string& directory) {
  const absl::StatusOr<SslCertificate> certificate =
      ReadCertificate(CertificatePath(directory, "ca"));
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<SslKey> key = ReadPrivateKey(KeyPath(directory, "ca"));
  if (!key.ok()) return key.status();
  const absl::Status status = CheckPair(certificate->get(), CertificatePath(directory, "ca"),
                                        key->get(), KeyPath(directory, "ca"));
  if (!status.ok()) return status;
  return CertificateAuthority(directory);
}

absl::StatusOr<std::string> CertificateAuthority::Issue(const std::string& name,
                                                        const MasterCertificate& what,
                                                        absl::Time now, absl::Duration valid) {
  const absl::StatusOr<std::string> names = AlternativeNames(what.hosts);
  if (!names.ok()) return names.status();
  return Sign(name, *names, "serverAuth", now, valid);
}

absl::StatusOr<std::string> CertificateAuthority::Issue(const std::string& name,
                                                        const PeerCertificate& what, absl::Time now,
                                                        absl::Duration valid) {
  if (absl::Status status = CheckQueues(what.grant); !status.ok()) return status;
  std::vector<std::string> uris = GrantUris(what.grant);
  for (std::string& uri : uris) uri.insert(0, "URI:");
  return Sign(name, absl::StrJoin(uris, ","), "clientAuth", now, valid);
}

absl::StatusOr<std::string> CertificateAuthority::Sign(const std::string& name,
                                                       const std::string& alternative_names,
                                                       const char* usage, absl::Time now,
                                                       absl::Duration valid) {
  if (!IsName(name, kMaxNameBytes, "._@-") || name[0] == '.' || name == "ca") {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate's name is '", Printable(name), "'; it must be 1 to ",
                     kMaxNameBytes, " letters, digits or one of . _ @ -, and not ca"));
  }
  const absl::StatusOr<SslCertificate> issuer = ReadCertificate(certificate_path());
  if (!issuer.ok()) return issuer.status();
  const absl::StatusOr<SslKey> issuer_key = ReadPrivateKey(KeyPath(directory_, "ca"));
  if (!issuer_key.ok()) return issuer_key.status();
  const absl::StatusOr<Validity> authority = ValidityOf(issuer->get());
  if (!authority.ok()) return authority.status();
  if (valid <= absl::ZeroDuration() || now + valid > authority->until) {
    return absl::InvalidArgumentError(
        absl::StrCat("the certificate would be valid for ", absl::FormatDuration(valid),
                     "; it must be more than nothing, and end before the authority's, on ",
                     absl::FormatTime("%Y-%m-%d", authority->until, absl::UTCTimeZone())));
  }
  const absl::StatusOr<SslKey> key = MakeKey();
  if (!key.ok()) return key.status();
  const absl::StatusOr<SslCertificate> certificate =
      Begin(name, key->get(), now - kClockSkew, now + valid);
  if (!certificate.ok()) return certificate.status();
  X509* const it = certificate->get();
  const std::pair<int, std::string> extensions[] = {{NID_basic_constraints, "critical,CA:FALSE"},
                                                    {NID_key_usage, "critical,digitalSignature"},
                                                    {NID_ext_key_usage, usage},
                                                    {NID_subject_alt_name, alternative_names}};
  absl::Status status;
  for (const auto& [nid, value] : extensions) {
    if (status.ok()) status = AddExtension(it, issuer->get(), nid, value);
  }
  if (status.ok()) status = Finish(it, issuer->get(), issuer_key->get());
  if (status.ok()) status = WritePair(directory_, name, key->get(), it);
  if (!status.ok()) return status;
  return CertificatePath(directory_, name);
}

}  // namespace tarea
