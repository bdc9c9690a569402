#ifndef TAREA_MASTER_SECURITY_PKI_H_
#define TAREA_MASTER_SECURITY_PKI_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/grant.h"

// A certificate authority for one installation, in a directory of its own: `ca.crt` and `ca.key`,
// and NAME.crt and NAME.key for each certificate that it has signed. Keys are of P-256, as TLS
// libraries everywhere take them, and can be read by their owner only. Not thread-safe.
namespace tarea {

// Of a master: what clients call it. Names of hosts, or IP addresses.
struct MasterCertificate {
  std::vector<std::string> hosts;
};
// Of a worker or a client.
struct PeerCertificate {
  Grant grant;
};

class CertificateAuthority {
 public:
  // Makes `directory`, if it is not there, and an authority in it that is valid for ten years from
  // `now`.
  //   ALREADY_EXISTS      there is one already
  //   FAILED_PRECONDITION it cannot be written there
  static absl::StatusOr<CertificateAuthority> Make(const std::string& directory, absl::Time now);
  // NOT_FOUND: there is none. FAILED_PRECONDITION: it cannot be read, or makes no sense.
  static absl::StatusOr<CertificateAuthority> Open(const std::string& directory);

  // Signs a certificate that is valid for `valid` from `now`, at most as long as the authority.
  // Answers the path of the certificate; that of its key ends with ".key" instead of ".crt".
  //   INVALID_ARGUMENT    the name, a host, or the time
  //   ALREADY_EXISTS      there is one of this name
  //   FAILED_PRECONDITION it cannot be written
  absl::StatusOr<std::string> Issue(const std::string& name, const MasterCertificate& what,
                                    absl::Time now, absl::Duration valid);
  absl::StatusOr<std::string> Issue(const std::string& name, const PeerCertificate& what,
                                    absl::Time now, absl::Duration valid);

  std::string certificate_path() const { return directory_ + "/ca.crt"; }

 private:
  explicit CertificateAuthority(std::string directory) : directory_(std::move(directory)) {}

  absl::StatusOr<std::string> Sign(const std::string& name, const std::string& alternative_names,
                                   const char* usage, absl::Time now, absl::Duration valid);

  std::string directory_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_PKI_H_
