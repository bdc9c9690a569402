#ifndef TAREA_MASTER_SECURITY_CERTIFICATE_ENDS_H_
#define TAREA_MASTER_SECURITY_CERTIFICATE_ENDS_H_

#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tarea {

// Until when certificates are valid. TLS looks at that when a connection is made, but not when a
// session is resumed and not later; who asks at each call has this remember the last ones.
// Thread-safe.
class CertificateEnds {
 public:
  // Of a certificate in PEM form. FAILED_PRECONDITION: it is none.
  absl::StatusOr<absl::Time> EndOf(const std::string& pem) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  absl::flat_hash_map<std::string, absl::Time> known_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_CERTIFICATE_ENDS_H_
