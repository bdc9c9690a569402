#ifndef TAREA_TESTS_SIMULATION_SCHEDULER_H_
#define TAREA_TESTS_SIMULATION_SCHEDULER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <ostream>
#include <queue>
#include <random>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "tests/simulation/fiber.h"

namespace tarea {

// Runs the processes of a simulated world on one thread and in a time of its own, in which nothing
// takes any but by saying so. One seed makes one order of events. What waits through it as a Clock
// waits in that time, too. Not thread-safe.
class Scheduler : public Clock {
 public:
  // A run of a program: its fibers stop together when it is frozen, and learn of it when it is
  // killed. One that starts again is another one.
  using Process = int;

  // With `trace`, a line for each event.
  Scheduler(uint64_t seed, std::ostream* trace);
  ~Scheduler() override;

  // --- Clock
  absl::Time Now() override { return now_; }
  bool Wait(absl::CondVar& condition, absl::Mutex& mu, absl::Duration timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu) override;
  void WakeAll(absl::CondVar& condition) override;

  // --- Processes
  Process NewProcess();
  // Runs `body` on a fiber of `process` after a while; not at all if that is killed before.
  void Spawn(Process process, absl::Duration after, std::function<void()> body);
  // Stops the fiber that runs. False: its process was killed, and it is to return.
  bool Sleep(absl::Duration duration);
  // None of its fibers runs before `until`; what they waited for may be over by then.
  void Freeze(Process process, absl::Time until);
  bool frozen(Process process) const {
    return processes_[static_cast<size_t>(process)].frozen_until > now_;
  }
  // Ends every Sleep and Wait of its fibers that they are in, and every Sleep that they begin.
  void Kill(Process process);
  bool killed(Process process) const { return processes_[static_cast<size_t>(process)].killed; }
  // Of the fiber that runs.
  Process self() const { return running_->process; }
  bool self_killed() const { return killed(self()); }
  // Fibers of it that have begun and not returned.
  int fibers(Process process) const { return processes_[static_cast<size_t>(process)].fibers; }
  // Those of them that are in Sleep; the others wait for something.
  int sleeping(Process process) const { return processes_[static_cast<size_t>(process)].sleeping; }

  // Runs until no event is left, or `until` says so, which is asked before time moves on.
  void Run(const std::function<bool()>& until);

  // --- Chance
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }
  bool OneIn(int64_t n) { return Below(n) == 0; }
  // Evenly, in microseconds.
  absl::Duration Between(absl::Duration least, absl::Duration most);

  // --- What has happened
  void Trace(std::string_view what, int64_t a = 0, int64_t b = 0);
  // Of all that was traced, and when: the same for two runs that were the same.
  uint64_t trace_hash() const { return trace_hash_; }
  int64_t events() const { return events_; }

 private:
  // A fiber and what it waits for. Reused.
  struct Task {
    Fiber fiber;
    uint64_t number = 0;
    Process process = 0;
    int64_t wait = 0;  // number of the latest Wait or Sleep, or of the beginning
    bool sleeps = false;
    bool woken = false;
    const absl::CondVar* condition = nullptr;
  };
  struct ProcessState {
    bool killed = false;
    absl::Time frozen_until = absl::InfinitePast();
    int fibers = 0;
    int sleeping = 0;
  };
  // Resumes the task if it still waits for this.
  struct Event {
    absl::Time at;
    uint64_t order;  // of what happens at one time: by chance
    Task* task;
    int64_t wait;

    friend bool operator>(const Event& a, const Event& b) {
      return a.at != b.at ? a.at > b.at : a.order > b.order;
    }
  };
  using Events = std::priority_queue<Event, std::vector<Event>, std::greater<>>;

  ProcessState& StateOf(const Task& task) { return processes_[static_cast<size_t>(task.process)]; }
  void Schedule(Task& task, absl::Time at);
  void Resume(Task& task);
  void Mix(uint64_t value);

  const uint64_t seed_;
  std::mt19937_64 random_;
  std::ostream* const trace_;
  absl::Time now_ = absl::FromUnixSeconds(1'000'000'000);
  Events events_due_;
  std::vector<std::unique_ptr<Task>> tasks_;
  std::vector<Task*> idle_;
  std::vector<ProcessState> processes_;
  absl::flat_hash_map<const absl::CondVar*, std::vector<Task*>> waiting_;
  Task* running_ = nullptr;
  int64_t events_ = 0;
  uint64_t trace_hash_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_SCHEDULER_H_
