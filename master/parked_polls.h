#ifndef TAREA_MASTER_PARKED_POLLS_H_
#define TAREA_MASTER_PARKED_POLLS_H_

#include <list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "master/store/store.h"

namespace tarea {

// How many tasks are ready, by queue and type.
using ReadyCounts = absl::btree_map<std::pair<std::string, std::string>, int64_t>;

// The polls of workers that found nothing, and who of them is woken for what. Work is shared among
// those that wait, the one that has waited longest first: 100 tasks for four polls are 25 each.
// Thread-safe.
class ParkedPolls {
 public:
  enum class Wake {
    kReady,       // there may be work: claim up to share() tasks
    kTimeout,     // none came in time
    kSuperseded,  // the same worker polls anew; its old call is over
    kShutdown,
  };

  // A poll, from before its first claim until it answers; so no task that becomes ready in between
  // is missed. Not thread-safe. Hands on what it was woken for and did not take.
  class Poll {
   public:
    ~Poll();
    Poll(const Poll&) = delete;
    Poll& operator=(const Poll&) = delete;

    // Blocks until there is something to claim, or `timeout` is over.
    Wake Wait(absl::Duration timeout);

    // How many tasks to claim: its request's max_tasks, or less if others were woken too.
    int share() const { return share_; }

    // Reports what a claim for share() tasks brought.
    void Claimed(const std::vector<LeasedTask>& tasks);

   private:
    friend class ParkedPolls;
    Poll(ParkedPolls* owner, const ClaimRequest& request);

    bool Takes(const std::string& queue, const std::string& type) const;

    ParkedPolls* const owner_;
    const ClaimRequest& request_;
    int share_;
    ReadyCounts taken_on_;  // what the last Wait returned for

    // Guarded by owner_->mu_.
    bool listed_ = false;
    std::list<Poll*>::iterator position_;
    bool superseded_ = false;
    int assigned_share_ = 0;
    ReadyCounts assigned_;
    absl::CondVar wake_;
  };

  // At most `max_parked` polls at a time. `clock` must outlive it.
  ParkedPolls(Clock* clock, int max_parked) : clock_(clock), max_parked_(max_parked) {}

  // Registers a poll; it supersedes one of the same worker. `request` must outlive it.
  // RESOURCE_EXHAUSTED: too many. UNAVAILABLE: shutting down.
  absl::StatusOr<std::unique_ptr<Poll>> Park(const ClaimRequest& request) ABSL_LOCKS_EXCLUDED(mu_);

  // Shares tasks that became ready among the polls that take them.
  void WakeFor(const ReadyCounts& ready) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends the wait of a worker's poll, as if it polled anew: it is woken for nothing more.
  void End(const std::string& worker) ABSL_LOCKS_EXCLUDED(mu_);

  // Ends every wait, now and from now on.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mu_);

  int size() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void Assign(const std::pair<std::string, std::string>& lane, int64_t count)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void List(Poll& poll) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Unlist(Poll& poll) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  Clock* const clock_;
  const int max_parked_;
  absl::Mutex mu_;
  bool shutdown_ ABSL_GUARDED_BY(mu_) = false;
  // Those that have not been woken since they last waited or claimed, longest waiting first.
  std::list<Poll*> waiting_ ABSL_GUARDED_BY(mu_);
  absl::flat_hash_map<std::string, Poll*> by_worker_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_MASTER_PARKED_POLLS_H_
