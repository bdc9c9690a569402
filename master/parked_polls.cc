#include "master/parked_polls.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"

namespace tarea {

// --- A poll
// --------------------------------------------------------------------------------------------

ParkedPolls::Poll::Poll(ParkedPolls* owner, const ClaimRequest& request)
    : owner_(owner), request_(request), share_(request.max_tasks) {}

ParkedPolls::Poll::~Poll() {
  ReadyCounts untouched;
  {
    absl::MutexLock lock(&owner_->mu_);
    owner_->Unlist(*this);
    const auto self = owner_->by_worker_.find(request_.worker);
    if (self != owner_->by_worker_.end() && self->second == this) owner_->by_worker_.erase(self);
    untouched = std::move(assigned_);
  }
  for (const auto& [lane, count] : taken_on_) untouched[lane] += count;
  if (!untouched.empty()) owner_->WakeFor(untouched);
}

ParkedPolls::Wake ParkedPolls::Poll::Wait(absl::Duration timeout) {
  taken_on_.clear();
  absl::MutexLock lock(&owner_->mu_);
  while (true) {
    if (owner_->shutdown_) return Wake::kShutdown;
    if (superseded_) return Wake::kSuperseded;
    if (!assigned_.empty()) break;
    if (!listed_) owner_->List(*this);
    // Whoever signals has changed one of the above, so the wait does not begin anew.
    if (owner_->clock_->Wait(wake_, owner_->mu_, timeout) && assigned_.empty())
      return Wake::kTimeout;
  }
  // What becomes ready while it claims is for it, too: it may find nothing, and would wait.
  owner_->List(*this);
  taken_on_.swap(assigned_);
  share_ = std::min(request_.max_tasks, assigned_share_);
  assigned_share_ = 0;
  return Wake::kReady;
}

void ParkedPolls::Poll::Claimed(const std::vector<LeasedTask>& tasks) {
  // Fewer than it asked for, and not because they are large: there is nothing left of what it
  // takes. Otherwise it may have taken other tasks than those it was woken for, and somebody else
  // has to be.
  int64_t bytes = 0;
  for (const LeasedTask& task : tasks) bytes += static_cast<int64_t>(task.payload.size());
  if (static_cast<int>(tasks.size()) < share_ && bytes < request_.max_bytes) {
    taken_on_.clear();
    return;
  }
  for (const LeasedTask& task : tasks) {
    const auto lane = taken_on_.find({task.queue, task.type});
    if (lane != taken_on_.end() && --lane->second == 0) taken_on_.erase(lane);
  }
}

bool ParkedPolls::Poll::Takes(const std::string& queue, const std::string& type) const {
  return absl::c_linear_search(request_.queues, queue) &&
         (request_.types.empty() || absl::c_linear_search(request_.types, type));
}

// --- All of them
// ---------------------------------------------------------------------------------------

absl::StatusOr<std::unique_ptr<ParkedPolls::Poll>> ParkedPolls::Park(const ClaimRequest& request) {
  absl::MutexLock lock(&mu_);
  if (shutdown_) return absl::UnavailableError("the master is shutting down");
  if (const auto old = by_worker_.find(request.worker); old != by_worker_.end()) {
    old->second->superseded_ = true;
    clock_->WakeAll(old->second->wake_);
    by_worker_.erase(old);
  } else if (static_cast<int>(by_worker_.size()) >= max_parked_) {
    return absl::ResourceExhaustedError(
        absl::StrCat(by_worker_.size(), " workers are waiting for tasks already; the limit is ",
                     max_parked_, " (--max-workers); try again later"));
  }
  std::unique_ptr<Poll> poll = absl::WrapUnique(new Poll(this, request));
  by_worker_[request.worker] = poll.get();
  List(*poll);
  return poll;
}

void ParkedPolls::WakeFor(const ReadyCounts& ready) {
  absl::MutexLock lock(&mu_);
  for (const auto& [lane, count] : ready) Assign(lane, count);
}

void ParkedPolls::Assign(const std::pair<std::string, std::string>& lane, int64_t count) {
  std::vector<Poll*> takers;
  for (Poll* poll : waiting_) {
    if (static_cast<int64_t>(takers.size()) == count) break;
    if (poll->Takes(lane.first, lane.second)) takers.push_back(poll);
  }
  int64_t left = count;
  for (size_t i = 0; i < takers.size(); ++i) {
    Poll& poll = *takers[i];
    const int64_t others = static_cast<int64_t>(takers.size() - i);
    const int64_t part = (left + others - 1) / others;
    left -= part;
    poll.assigned_[lane] += part;
    // Alone it may take whatever else there is.
    poll.assigned_share_ += takers.size() == 1 ? poll.request_.max_tasks : static_cast<int>(part);
    Unlist(poll);
    clock_->WakeAll(poll.wake_);
  }
}

void ParkedPolls::List(Poll& poll) {
  poll.position_ = waiting_.insert(waiting_.end(), &poll);
  poll.listed_ = true;
}

void ParkedPolls::Unlist(Poll& poll) {
  if (poll.listed_) waiting_.erase(poll.position_);
  poll.listed_ = false;
}

void ParkedPolls::End(const std::string& worker) {
  absl::MutexLock lock(&mu_);
  const auto poll = by_worker_.find(worker);
  if (poll == by_worker_.end()) return;
  poll->second->superseded_ = true;
  Unlist(*poll->second);
  clock_->WakeAll(poll->second->wake_);
}

void ParkedPolls::Shutdown() {
  absl::MutexLock lock(&mu_);
  shutdown_ = true;
  for (const auto& [worker, poll] : by_worker_) clock_->WakeAll(poll->wake_);
}

int ParkedPolls::size() {
  absl::MutexLock lock(&mu_);
  return static_cast<int>(by_worker_.size());
}

}  // namespace tarea
