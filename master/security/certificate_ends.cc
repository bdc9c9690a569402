#include "master/security/certificate_ends.h"

#include <cstddef>

#include "common/x509.h"

namespace tarea {
namespace {

// Some 2 KB each. Only certificates of our authority get here.
constexpr size_t kMostKnown = 4096;

}  // namespace

absl::StatusOr<absl::Time> CertificateEnds::EndOf(const std::string& pem) {
  {
    absl::ReaderMutexLock lock(&mu_);
    if (const auto found = known_.find(pem); found != known_.end()) return found->second;
  }
  const absl::StatusOr<SslCertificate> certificate = ParseCertificate(pem);
  if (!certificate.ok()) return certificate.status();
  const absl::StatusOr<Validity> validity = ValidityOf(certificate->get());
  if (!validity.ok()) return validity.status();
  absl::MutexLock lock(&mu_);
  if (known_.size() >= kMostKnown) known_.clear();
  known_.emplace(pem, validity->until);
  return validity->until;
}

}  // namespace tarea
