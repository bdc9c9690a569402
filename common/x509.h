#ifndef TAREA_COMMON_X509_H_
#define TAREA_COMMON_X509_H_

#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Certificates and keys in files, as PEM, with OpenSSL.
namespace tarea {

template <auto free_it>
struct SslFree {
  template <typename T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using SslKey = std::unique_ptr<EVP_PKEY, SslFree<EVP_PKEY_free>>;
using SslCertificate = std::unique_ptr<X509, SslFree<X509_free>>;

// `what`, with what OpenSSL says of its last error. FAILED_PRECONDITION.
absl::Status SslError(const std::string& what);

// The first certificate of a file. NOT_FOUND: there is no file. FAILED_PRECONDITION: it cannot be
// read, or is no certificate.
absl::StatusOr<SslCertificate> ReadCertificate(const std::string& path);
// The first certificate of a text in PEM form. FAILED_PRECONDITION: there is none.
absl::StatusOr<SslCertificate> ParseCertificate(absl::string_view pem);
// A private key without a passphrase. PERMISSION_DENIED: others than its owner may read the file;
// else as above.
absl::StatusOr<SslKey> ReadPrivateKey(const std::string& path);

// FAILED_PRECONDITION: it is not the key of the certificate.
absl::Status CheckPair(X509* certificate, const std::string& certificate_path, EVP_PKEY* key,
                       const std::string& key_path);

// From when until when a certificate is valid.
struct Validity {
  absl::Time from;
  absl::Time until;
};
absl::StatusOr<Validity> ValidityOf(X509* certificate);

}  // namespace tarea

#endif  // TAREA_COMMON_X509_H_
