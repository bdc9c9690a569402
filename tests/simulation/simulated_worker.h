#ifndef TAREA_TESTS_SIMULATION_SIMULATED_WORKER_H_
#define TAREA_TESTS_SIMULATION_SIMULATED_WORKER_H_

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "tests/simulation/actor.h"

namespace tarea {

// Polls, runs what it gets, renews its leases, reports results until they are answered: what the
// worker library does, as it is promised, and a little worse. Tasks last from next to nothing to
// several leases.
class SimulatedWorker : public Actor {
 public:
  SimulatedWorker(World* world, std::string name, int slots)
      : Actor(world, std::move(name)), slots_(slots) {}

  // Takes no more, gives back what it holds, says goodbye; then another one starts in its place.
  void Restart();

 protected:
  void OnStart() override;

 private:
  // A lease, in the run of the process that has it.
  struct Held {
    LeasedTask task;
    bool told_to_stop = false;
    bool lost = false;  // is to stop, and its result is not wanted
    bool over = false;  // has a result
  };
  struct Run {
    WorkerIdentity identity;
    absl::Mutex mu;
    absl::CondVar changed;
    std::map<LeaseId, std::shared_ptr<Held>> held;
    std::vector<TaskResult> results;  // to be sent
    bool draining = false;
    bool sending = false;
  };
  using RunPtr = std::shared_ptr<Run>;

  void Poll(const RunPtr& run);
  void TakeTasks(const RunPtr& run, const std::vector<LeasedTask>& tasks);
  void Work(const RunPtr& run, const std::shared_ptr<Held>& held);
  bool WaitForEnd(const RunPtr& run, const Held& held, absl::Duration duration);
  TaskResult ResultOf(const Held& held);
  void SendResults(const RunPtr& run);
  void Heartbeats(const RunPtr& run);
  void Drain(const RunPtr& run);

  const int slots_;
  RunPtr run_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_SIMULATED_WORKER_H_
