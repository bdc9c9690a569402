#ifndef TAREA_WORKER_HANDLERS_GUARDIAN_POOL_H_
#define TAREA_WORKER_HANDLERS_GUARDIAN_POOL_H_

#include <sys/types.h>

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "worker/handlers/guardian.h"
#include "worker/handlers/unique_fd.h"

namespace tarea {

// The worker's hold on a guardian: without it the guardian ends, and kills its command first.
class GuardianProcess {
 public:
  // A new one. An error means that the system has no more processes, descriptors or memory; what
  // fails later in the guardian comes as its answer to the first orders. `isolated`: isolation.h.
  static absl::StatusOr<std::unique_ptr<GuardianProcess>> Start(bool isolated);

  ~GuardianProcess();
  GuardianProcess(const GuardianProcess&) = delete;
  GuardianProcess& operator=(const GuardianProcess&) = delete;

  // Orders go in here, reports come out.
  int control_fd() const { return control_.get(); }
  // The command that runs, as guardian.h says. 0 if it is isolated: nothing of it outlives the
  // guardian, and its id means another process here.
  pid_t command() const { return isolated_ ? 0 : shared_->command.load(); }

 private:
  explicit GuardianProcess(bool isolated) : isolated_(isolated) {}

  const bool isolated_;
  pid_t pid_ = 0;
  UniqueFd control_;
  GuardianShared* shared_ = nullptr;  // mapped memory
};

// Guardians that have no command at the moment. There are never more than there were commands at
// once. Thread-safe.
class GuardianPool {
 public:
  explicit GuardianPool(bool isolated) : isolated_(isolated) {}

  // Of each guardian in it.
  bool isolated() const { return isolated_; }
  // Null if there is none. It may have been killed since: then orders cannot be sent.
  std::unique_ptr<GuardianProcess> Take() ABSL_LOCKS_EXCLUDED(mu_);
  void Return(std::unique_ptr<GuardianProcess> guardian) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  const bool isolated_;
  absl::Mutex mu_;
  std::vector<std::unique_ptr<GuardianProcess>> idle_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_GUARDIAN_POOL_H_
