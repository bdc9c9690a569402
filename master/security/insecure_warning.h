#ifndef TAREA_MASTER_SECURITY_INSECURE_WARNING_H_
#define TAREA_MASTER_SECURITY_INSECURE_WARNING_H_

#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/clock.h"

namespace tarea {

// Says something in the log at once and every minute from then on, so that nobody who looks at the
// log can miss it, on a thread of its own. Thread-safe.
class InsecureWarning {
 public:
  // `clock` must outlive it.
  InsecureWarning(std::string text, Clock* clock);
  ~InsecureWarning();

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mu_);

  const std::string text_;
  Clock* const clock_;
  absl::Mutex mu_;
  absl::CondVar ending_changed_;
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_INSECURE_WARNING_H_
