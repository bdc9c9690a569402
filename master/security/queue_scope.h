#ifndef TAREA_MASTER_SECURITY_QUEUE_SCOPE_H_
#define TAREA_MASTER_SECURITY_QUEUE_SCOPE_H_

#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "master/security/caller.h"
#include "master/security/known_queues.h"
#include "master/store/store.h"
#include "master/worker_registry.h"

namespace tarea {

// Whether what a call names lies in the queues that its caller is restricted to. A task lies in its
// queue for ever; a batch lies in those of its tasks, all of which the caller must be allowed. What
// does not exist is nobody's: it is left to the call itself to say so.
//
// Of a caller without restriction nothing is asked, and nothing read. The errors are
// PERMISSION_DENIED, or those of the store.
class QueueScope {
 public:
  // All must outlive it.
  QueueScope(const Caller& caller, Store& store, KnownQueues& known)
      : caller_(caller), store_(store), known_(known) {}

  bool restricted() const { return !caller_.grant.queues.empty(); }
  bool Allows(absl::string_view queue) const { return caller_.grant.AllowsQueue(queue); }

  absl::Status CheckQueue(absl::string_view queue) const;
  // These do not tell which other queue it is in.
  absl::Status CheckTask(TaskId id) const;
  // To look at it. One without tasks may be looked at by everybody, but not changed.
  absl::Status CheckBatch(BatchId id) const;

  absl::Status Check(const InsertRequest& request) const;
  absl::Status Check(const Selection& selection) const;
  absl::Status Check(const ClaimRequest& claim) const;
  absl::Status Check(absl::Span<const TaskResult> results) const;
  absl::Status Check(absl::Span<const HeldLease> held) const;
  // A list is of one queue that is allowed, or of one batch.
  absl::Status Check(const TaskQuery& query) const;

 private:
  absl::Status CheckTasks(const std::set<TaskId>& ids) const;
  absl::Status CheckBatchToChange(BatchId id) const;
  absl::Status Elsewhere(const std::string& what) const;

  const Caller& caller_;
  Store& store_;
  KnownQueues& known_;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_QUEUE_SCOPE_H_
