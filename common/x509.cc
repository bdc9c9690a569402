#include "common/x509.h"

#include <openssl/err.h>
#include <openssl/pem.h>

#include <cerrno>
#include <cstdio>
#include <ctime>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/secret_file.h"

namespace tarea {
namespace {

using File = std::unique_ptr<FILE, SslFree<fclose>>;

absl::StatusOr<File> OpenFile(const std::string& path) {
  File file(fopen(path.c_str(), "re"));
  if (file != nullptr) return file;
  const int error = errno;
  const std::string text = absl::StrCat(path, ": ", std::generic_category().message(error));
  if (error == ENOENT) return absl::NotFoundError(text);
  return absl::FailedPreconditionError(text);
}

// Nobody is asked for a passphrase: a server has no terminal.
int NoPassphrase(char*, int, int, void*) { return -1; }

absl::StatusOr<absl::Time> TimeOf(const ASN1_TIME* time) {
  tm parts = {};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return SslError("the certificate has no time");
  return absl::FromTM(parts, absl::UTCTimeZone());
}

}  // namespace

absl::Status SslError(const std::string& what) {
  std::string why = "no reason given";
  if (const auto code = ERR_get_error(); code != 0) {
    const char* const reason = ERR_reason_error_string(code);
    why = reason != nullptr ? reason : absl::StrFormat("OpenSSL error %08x", code);
  }
  ERR_clear_error();
  return absl::FailedPreconditionError(absl::StrCat(what, ": ", why));
}

absl::StatusOr<SslCertificate> ReadCertificate(const std::string& path) {
  const absl::StatusOr<File> file = OpenFile(path);
  if (!file.ok()) return file.status();
  SslCertificate certificate(PEM_read_X509(file->get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) return SslError(absl::StrCat(path, " is no certificate in PEM form"));
  return certificate;
}

absl::StatusOr<SslCertificate> ParseCertificate(absl::string_view pem) {
  const std::unique_ptr<BIO, SslFree<BIO_free>> text(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  SslCertificate certificate(
      text == nullptr ? nullptr : PEM_read_bio_X509(text.get(), nullptr, NoPassphrase, nullptr));
  if (certificate == nullptr) return SslError("it is no certificate in PEM form");
  return certificate;
}

absl::StatusOr<SslKey> ReadPrivateKey(const std::string& path) {
  const absl::StatusOr<File> file = OpenFile(path);
  if (!file.ok()) return file.status();
  if (absl::Status status = CheckSecret(fileno(file->get()), path); !status.ok()) return status;
  SslKey key(PEM_read_PrivateKey(file->get(), nullptr, NoPassphrase, nullptr));
  if (key == nullptr) {
    return SslError(absl::StrCat(path, " is no private key in PEM form without a passphrase"));
  }
  return key;
}

absl::Status CheckPair(X509* certificate, const std::string& certificate_path, EVP_PKEY* key,
                       const std::string& key_path) {
  if (X509_check_private_key(certificate, key) == 1) return absl::OkStatus();
  return SslError(absl::StrCat(key_path, " is not the key of ", certificate_path));
}

absl::StatusOr<Validity> ValidityOf(X509* certificate) {
  const absl::StatusOr<absl::Time> from = TimeOf(X509_get0_notBefore(certificate));
  if (!from.ok()) return from.status();
  const absl::StatusOr<absl::Time> until = TimeOf(X509_get0_notAfter(certificate));
  if (!until.ok()) return until.status();
  return Validity{*from, *until};
}

}  // namespace tarea
