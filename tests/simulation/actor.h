#ifndef TAREA_TESTS_SIMULATION_ACTOR_H_
#define TAREA_TESTS_SIMULATION_ACTOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/history/history.h"
#include "tests/simulation/network.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/world.h"

namespace tarea {

// What clients and workers have in common: a process that may be killed and started again, a link
// to the master, and that they write down what they do. Not thread-safe.
class Actor {
 public:
  Actor(World* world, std::string name) : world_(*world), name_(std::move(name)) {}
  virtual ~Actor() = default;

  // Starts a new process.
  void Start();
  void Kill() { scheduler().Kill(process_); }
  void Freeze(absl::Duration duration) {
    scheduler().Freeze(process_, scheduler().Now() + duration);
  }
  Link& link() { return link_; }
  const std::string& name() const { return name_; }

 protected:
  // Begins what the new process does.
  virtual void OnStart() = 0;

  World& world() { return world_; }
  Scheduler& scheduler() { return world_.scheduler(); }
  // Of this run of the process.
  const std::string& id() const { return id_; }

  // Runs `body` on a fiber of the process.
  void Spawn(std::function<void()> body);
  // Throws Killed.
  void Sleep(absl::Duration duration);

  // Writes down that a call is about to be made, and then what came of it.
  HistoryEvent Invoke(HistoryEvent::Op op, std::vector<HistoryItem> items = {},
                      const std::string& request_id = "");
  void Answered(HistoryEvent& event, const absl::Status& status);

 private:
  World& world_;
  const std::string name_;
  std::string id_;
  int starts_ = 0;
  int64_t calls_ = 0;
  Scheduler::Process process_ = 0;
  Link link_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_ACTOR_H_
