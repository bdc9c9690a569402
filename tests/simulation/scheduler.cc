#include "tests/simulation/scheduler.h"

#include <algorithm>
#include <utility>

#include "absl/algorithm/container.h"

namespace tarea {

namespace {

uint64_t Mixed(uint64_t value) {
  value *= 0x9E3779B97F4A7C15U;
  return value ^ (value >> 29);
}

}  // namespace

Scheduler::Scheduler(uint64_t seed, std::ostream* trace)
    : seed_(seed), random_(seed), trace_(trace) {}
Scheduler::~Scheduler() = default;

Scheduler::Process Scheduler::NewProcess() {
  processes_.emplace_back();
  return static_cast<Process>(processes_.size()) - 1;
}

void Scheduler::Schedule(Task& task, absl::Time at) {
  // Not drawn: those who are woken together may come in any order here, such as that of a hash map.
  const uint64_t order = Mixed(Mixed(seed_ ^ static_cast<uint64_t>(task.wait)) ^ task.number);
  // Whole microseconds, as a clock has to tell; never before `at`.
  const absl::Time micros = absl::FromUnixMicros(absl::ToUnixMicros(at));
  events_due_.push(
      {micros < at ? micros + absl::Microseconds(1) : micros, order, &task, task.wait});
}

void Scheduler::Spawn(Process process, absl::Duration after, std::function<void()> body) {
  if (idle_.empty()) {
    tasks_.push_back(std::make_unique<Task>());
    tasks_.back()->number = tasks_.size();
    idle_.push_back(tasks_.back().get());
  }
  Task& task = *idle_.back();
  idle_.pop_back();
  task.process = process;
  task.wait++;
  task.sleeps = false;
  ++StateOf(task).fibers;
  task.fiber.Begin([this, process, body = std::move(body)] {
    if (!killed(process)) body();
  });
  Schedule(task, now_ + after);
}

bool Scheduler::Sleep(absl::Duration duration) {
  Task& self = *running_;
  if (killed(self.process)) return false;
  self.wait++;
  self.sleeps = true;
  ++StateOf(self).sleeping;
  Schedule(self, now_ + duration);
  self.fiber.Stop();
  self.sleeps = false;
  --StateOf(self).sleeping;
  return !killed(self.process);
}

bool Scheduler::Wait(absl::CondVar& condition, absl::Mutex& mu, absl::Duration timeout) {
  Task& self = *running_;
  self.wait++;
  self.woken = false;
  self.condition = &condition;
  waiting_[&condition].push_back(&self);
  if (timeout != absl::InfiniteDuration())
    Schedule(self, now_ + std::max(timeout, absl::Duration()));
  mu.Unlock();
  self.fiber.Stop();
  mu.Lock();
  if (!self.woken) {
    const auto it = waiting_.find(&condition);
    it->second.erase(absl::c_find(it->second, &self));
    if (it->second.empty()) waiting_.erase(it);
  }
  self.condition = nullptr;
  return !self.woken;
}

void Scheduler::WakeAll(absl::CondVar& condition) {
  const auto it = waiting_.find(&condition);
  if (it == waiting_.end()) return;
  const std::vector<Task*> tasks = std::move(it->second);
  waiting_.erase(it);
  for (Task* task : tasks) {
    task->woken = true;
    task->wait++;  // its timeout is void
    Schedule(*task, now_);
  }
}

void Scheduler::Freeze(Process process, absl::Time until) {
  absl::Time& frozen = processes_[static_cast<size_t>(process)].frozen_until;
  frozen = std::max(frozen, until);
}

void Scheduler::Kill(Process process) {
  ProcessState& state = processes_[static_cast<size_t>(process)];
  state.killed = true;
  state.frozen_until = absl::InfinitePast();
  for (const std::unique_ptr<Task>& task : tasks_) {
    if (task->process != process || task->fiber.idle() || task.get() == running_) continue;
    // One that was woken has its event; another one does no harm, and that one may be far away.
    Schedule(*task, now_);
  }
}

void Scheduler::Resume(Task& task) {
  running_ = &task;
  task.fiber.Resume();
  running_ = nullptr;
  if (!task.fiber.idle()) return;
  --StateOf(task).fibers;
  task.wait++;
  idle_.push_back(&task);
}

void Scheduler::Run(const std::function<bool()>& until) {
  while (!events_due_.empty()) {
    const Event event = events_due_.top();
    if (event.at > now_ && until()) return;
    events_due_.pop();
    if (event.task->wait != event.wait) continue;  // it was woken by something else
    now_ = std::max(now_, event.at);
    const absl::Time frozen_until = StateOf(*event.task).frozen_until;
    if (frozen_until > now_) {
      events_due_.push({frozen_until, event.order, event.task, event.wait});
      continue;
    }
    ++events_;
    Resume(*event.task);
  }
}

absl::Duration Scheduler::Between(absl::Duration least, absl::Duration most) {
  const int64_t range = absl::ToInt64Microseconds(most - least);
  return least + absl::Microseconds(range > 0 ? Below(range + 1) : 0);
}

void Scheduler::Mix(uint64_t value) { trace_hash_ = Mixed(trace_hash_ ^ value); }

void Scheduler::Trace(std::string_view what, int64_t a, int64_t b) {
  Mix(static_cast<uint64_t>(absl::ToUnixMicros(now_)));
  for (const char c : what) Mix(static_cast<uint64_t>(c));
  Mix(static_cast<uint64_t>(a));
  Mix(static_cast<uint64_t>(b));
  if (trace_ != nullptr) {
    const int64_t micros = absl::ToUnixMicros(now_) - 1'000'000'000'000'000;
    *trace_ << micros << " " << what << " " << a << " " << b << "\n";
  }
}

}  // namespace tarea
