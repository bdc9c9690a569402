#include "worker/held_tasks.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include "common/convert.h"

namespace tarea {
namespace {

// Results that wait to be sent hold up new tasks beyond this many: the master takes polls but no
// results, for instance because its disk is full.
constexpr size_t kMaxUnsent = 10'000;
// Up to this many tasks in one answer are worth a line of the log each.
constexpr int kLogEach = 10;
// Output of one task in one heartbeat.
constexpr size_t kMaxOutput = size_t{256} << 10;

}  // namespace

HeldTasks::HeldTasks(int slots, Clock* clock, Prefetch* prefetch, WorkLimits limits)
    : slots_(slots), clock_(clock), prefetch_(prefetch), limits_(limits) {}

// --- Poller
// --------------------------------------------------------------------------------------------

int HeldTasks::Room() const {
  const size_t unstarted_or_running = waiting_.size() + running_.size();
  if (held_.size() - unstarted_or_running >= kMaxUnsent) return 0;
  const int ahead = prefetch_->Wanted();
  const int room = slots_ + ahead - static_cast<int>(unstarted_or_running);
  // With many fetched ahead, one call brings many, not one call for each that was worked off.
  if (room < std::max(1, ahead / 2)) return 0;
  if (limits_.max_tasks == 0) return room;
  const int64_t left = limits_.max_tasks - processed_ - static_cast<int64_t>(unstarted_or_running);
  return static_cast<int>(std::clamp<int64_t>(left, 0, room));
}

int HeldTasks::AwaitRoom() {
  absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return !fetching_ || ExhaustedLocked() || Room() > 0;
  };
  mu_.Await(absl::Condition(&ready));
  return fetching_ ? Room() : 0;
}

void HeldTasks::StopFetching() {
  absl::MutexLock lock(&mu_);
  fetching_ = false;
}

void HeldTasks::Add(int wanted, v1::RequestTaskResponse response) {
  prefetch_->Fetched(wanted, response.tasks_size());
  const bool log_each = response.tasks_size() <= kLogEach;
  Tasks tasks;
  for (v1::LeasedTask& task : *response.mutable_tasks()) {
    tasks.push_back(std::make_shared<HeldTask>(std::move(task), clock_, log_each));
  }
  absl::MutexLock lock(&mu_);
  for (std::shared_ptr<HeldTask>& task : tasks) {
    held_[task->lease_id()] = task;
    waiting_.push_back(std::move(task));
  }
  due_changed_ = true;
  NoteHeld();
}

void HeldTasks::NoteHeld() {
  if (limits_.idle_exit == absl::InfiniteDuration()) return;
  if (!held_.empty()) {
    idle_since_ = absl::InfiniteFuture();
  } else if (idle_since_ == absl::InfiniteFuture()) {
    idle_since_ = clock_->Now();
    due_changed_ = true;
  }
}

// --- Slots
// ---------------------------------------------------------------------------------------------

std::shared_ptr<HeldTask> HeldTasks::Next() {
  absl::MutexLock lock(&mu_);
  const auto ready = [this]()
                         ABSL_SHARED_LOCKS_REQUIRED(mu_) { return closed_ || !waiting_.empty(); };
  mu_.Await(absl::Condition(&ready));
  if (closed_) return nullptr;
  std::shared_ptr<HeldTask> task = std::move(waiting_.front());
  waiting_.pop_front();
  running_[task->lease_id()] = task;
  if (const absl::Time deadline = task->Start(); deadline < absl::InfiniteFuture()) {
    deadlines_.emplace(deadline, task->lease_id());
    due_changed_ = true;
  }
  return task;
}

void HeldTasks::Ran(const HeldTask& task, absl::Duration took) {
  prefetch_->Record(took);
  absl::MutexLock lock(&mu_);
  running_.erase(task.lease_id());
  ++processed_;
  std::erase_if(deadlines_, [&task](const auto& entry) { return entry.second == task.lease_id(); });
}

// --- Sender
// --------------------------------------------------------------------------------------------

bool HeldTasks::AnyWaiting() const {
  absl::MutexLock lock(&mu_);
  return !waiting_.empty();
}

void HeldTasks::Forget(uint64_t lease_id) {
  absl::MutexLock lock(&mu_);
  held_.erase(lease_id);
  NoteHeld();
}

// --- Heartbeat
// -----------------------------------------------------------------------------------------

bool HeldTasks::AwaitHeld() {
  absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return closed_ || !held_.empty(); };
  mu_.Await(absl::Condition(&ready));
  return !closed_;
}

std::vector<v1::HeldTask> HeldTasks::Report(size_t max_output) const {
  Tasks tasks;
  {
    absl::MutexLock lock(&mu_);
    tasks.reserve(held_.size());
    for (const auto& [lease_id, task] : held_) tasks.push_back(task);
  }
  std::vector<v1::HeldTask> report;
  report.reserve(tasks.size());
  const auto followed =
      std::count_if(tasks.begin(), tasks.end(), [](const auto& task) { return task->followed(); });
  const size_t share = std::min(kMaxOutput, max_output / std::max<size_t>(followed, 1));
  for (const std::shared_ptr<HeldTask>& task : tasks) {
    v1::HeldTask& entry = report.emplace_back();
    entry.set_task_id(task->task().task_id());
    entry.set_lease_id(task->lease_id());
    entry.set_stopping(task->stopped());
    if (std::optional<v1::Progress> progress = task->progress()) {
      *entry.mutable_progress() = *std::move(progress);
    }
    if (std::optional<TaskOutput> output = task->NewOutput(share)) {
      *entry.mutable_output() = ToProto(*std::move(output));
    }
  }
  return report;
}

void HeldTasks::SetFollowed(const google::protobuf::RepeatedPtrField<v1::HeldTask>& reported,
                            const google::protobuf::RepeatedPtrField<v1::FollowTask>& followed) {
  absl::flat_hash_map<uint64_t, OutputOffsets> offsets;
  for (const v1::FollowTask& follow : followed) {
    OutputOffsets& from = offsets[follow.lease_id()];
    from[OutputStream::kStdout] = follow.stdout_offset();
    from[OutputStream::kStderr] = follow.stderr_offset();
  }
  absl::MutexLock lock(&mu_);
  for (const v1::HeldTask& report : reported) {
    const auto held = held_.find(report.lease_id());
    if (held == held_.end()) continue;
    const auto from = offsets.find(report.lease_id());
    held->second->Follow(from == offsets.end() ? std::nullopt : std::optional(from->second));
  }
}

absl::Duration HeldTasks::lease() const {
  absl::MutexLock lock(&mu_);
  return lease_;
}

void HeldTasks::SetLease(absl::Duration lease) {
  absl::MutexLock lock(&mu_);
  lease_ = lease;
}

HeldTasks::Stopped HeldTasks::Stop(uint64_t lease_id, StopCause cause,
                                   std::shared_ptr<HeldTask>& task) {
  Stopped stopped = Stopped::kNothing;
  {
    absl::MutexLock lock(&mu_);
    const auto held = held_.find(lease_id);
    if (held == held_.end()) return Stopped::kNothing;
    task = held->second;
    const auto waiting = std::find(waiting_.begin(), waiting_.end(), task);
    if (waiting != waiting_.end()) {
      waiting_.erase(waiting);
      stopped = Stopped::kUnstarted;
    } else if (running_.contains(lease_id)) {
      stopped = Stopped::kRunning;
    }
  }
  // Not under the lock: it calls the handler's code. Also if only its result is under way, so that
  // it is reported as stopping and the next heartbeat parks.
  task->Stop(cause);
  return stopped;
}

// --- Timer
// ---------------------------------------------------------------------------------------------

absl::Time HeldTasks::NextDue() const {
  absl::Time due = absl::InfiniteFuture();
  if (!deadlines_.empty()) due = deadlines_.begin()->first;
  if (!waiting_.empty()) due = std::min(due, waiting_.front()->received_at() + kPatience);
  if (!told_idle_) due = std::min(due, idle_since_ + limits_.idle_exit);
  return due;
}

HeldTasks::Overdue HeldTasks::AwaitOverdue() {
  absl::MutexLock lock(&mu_);
  const auto look_again = [this]()
                              ABSL_SHARED_LOCKS_REQUIRED(mu_) { return closed_ || due_changed_; };
  NoteHeld();
  absl::Time now = clock_->Now();
  while (!closed_ && NextDue() > now) {
    due_changed_ = false;
    mu_.AwaitWithTimeout(absl::Condition(&look_again), NextDue() - now);
    now = clock_->Now();
  }
  Overdue overdue;
  if (closed_) return overdue;
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    overdue.timed_out.push_back(running_.at(deadlines_.begin()->second));
    deadlines_.erase(deadlines_.begin());
  }
  if (!waiting_.empty() && waiting_.front()->received_at() + kPatience <= now) {
    overdue.stale.assign(waiting_.begin(), waiting_.end());
    waiting_.clear();
    prefetch_->Stalled(kPatience);
  }
  if (!told_idle_ && idle_since_ + limits_.idle_exit <= now) overdue.idle = told_idle_ = true;
  return overdue;
}

// --- People
// --------------------------------------------------------------------------------------------

HeldTasks::Snapshot HeldTasks::Look() const {
  Snapshot snapshot;
  {
    absl::MutexLock lock(&mu_);
    for (const auto& [lease_id, task] : running_) snapshot.running.push_back(task);
    snapshot.waiting = static_cast<int64_t>(waiting_.size());
    snapshot.unsent = static_cast<int64_t>(held_.size()) - snapshot.waiting - std::ssize(running_);
  }
  std::sort(snapshot.running.begin(), snapshot.running.end(),
            [](const auto& a, const auto& b) { return a->RanFor() > b->RanFor(); });
  return snapshot;
}

// --- End
// -----------------------------------------------------------------------------------------------

bool HeldTasks::Exhausted() const {
  absl::MutexLock lock(&mu_);
  return ExhaustedLocked();
}

HeldTasks::Tasks HeldTasks::TakeWaiting() {
  absl::MutexLock lock(&mu_);
  Tasks tasks(waiting_.begin(), waiting_.end());
  waiting_.clear();
  return tasks;
}

HeldTasks::Tasks HeldTasks::Running() const {
  absl::MutexLock lock(&mu_);
  Tasks tasks;
  for (const auto& [lease_id, task] : running_) tasks.push_back(task);
  return tasks;
}

int HeldTasks::AwaitRunning(int running, absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  const auto ready = [this, running]() ABSL_SHARED_LOCKS_REQUIRED(mu_) {
    return hurry_ || running_.size() <= static_cast<size_t>(running);
  };
  mu_.AwaitWithTimeout(absl::Condition(&ready), timeout);
  return static_cast<int>(running_.size());
}

bool HeldTasks::hurried() const {
  absl::MutexLock lock(&mu_);
  return hurry_;
}

bool HeldTasks::AwaitStopped(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return running_.empty(); };
  return mu_.AwaitWithTimeout(absl::Condition(&ready), timeout);
}

void HeldTasks::Hurry() {
  absl::MutexLock lock(&mu_);
  hurry_ = true;
}

bool HeldTasks::AwaitNothingHeld(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  const auto ready = [this]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return held_.empty(); };
  return mu_.AwaitWithTimeout(absl::Condition(&ready), timeout);
}

void HeldTasks::Close() {
  absl::MutexLock lock(&mu_);
  closed_ = true;
  fetching_ = false;
}

}  // namespace tarea
