#ifndef TAREA_TESTS_SIMULATION_WORLD_H_
#define TAREA_TESTS_SIMULATION_WORLD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <ostream>
#include <string>
#include <vector>

#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "tests/history/checker.h"
#include "tests/history/history.h"
#include "tests/simulation/network.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_master.h"

namespace tarea {

class SimulatedClient;
class SimulatedWorker;

// What is to be known of a task that was read.
HistoryItem ItemOf(const Task& task);

struct WorldOptions {
  uint64_t seed = 0;
  SimulatedMaster::Kind store = SimulatedMaster::Kind::kMemory;
  Durability durability = Durability::kFsync;
  std::string data_dir;  // of kSqlite
  int clients = 3;
  int workers = 4;
  int64_t events = 1000;  // before the faults stop
  enum class Faults {
    kNone,
    kPower,    // only that the power fails, often
    kOutside,  // all that is not the store's
    kAll,      // with kSqlite also below SQLite: losses of power, a full disk, a failing one
  };
  Faults faults = Faults::kAll;
  std::ostream* trace = nullptr;  // a line for each event
};

struct WorldReport {
  // None is good news.
  std::vector<std::string> violations;
  // How often what happened.
  std::map<std::string, int64_t> counts;
  int64_t events = 0;
  uint64_t trace_hash = 0;
};

// A master, its store, and those who call it, all of which fails in every way that it can; then the
// faults stop, and everything has to come to its end. One seed makes one run. Not thread-safe.
class World {
 public:
  explicit World(const WorldOptions& options);
  ~World();

  WorldReport Run();

  // --- For those who live in it
  Scheduler& scheduler() { return scheduler_; }
  Network& network() { return network_; }
  // The faults have stopped: submit no more.
  bool calm() const { return calm_; }
  // All has been looked at: start nothing more.
  bool over() const { return over_; }
  void Record(HistoryEvent event);
  // Somebody is about to ask for another round of a finished task.
  void WillRetry(TaskId task) { retried_.insert(task); }
  bool was_retried(TaskId task) const { return retried_.contains(task); }
  void Violation(const std::string& what);
  void Count(const std::string& what, int64_t times = 1) { report_.counts[what] += times; }
  absl::Duration lease() const { return master_options_.dispatcher.lease; }

 private:
  void Live();
  void Disturb();
  void Fault(const std::string& what);
  void StartMaster();
  void LookForForgotten();
  void CrashMaster(const std::string& how, bool power_is_lost);
  void DisturbMaster();
  void DisturbNetwork();
  void CalmDown();
  void EndAll();
  bool AllFinished();
  void LookForIdleWorkers();
  void ReadStore();

  const WorldOptions options_;
  SimulatedMaster::Options master_options_;
  Scheduler scheduler_;
  SimulatedMaster master_;
  Network network_;
  HistoryChecker checker_;
  WorldReport report_;
  std::vector<std::unique_ptr<SimulatedClient>> clients_;
  std::vector<std::unique_ptr<SimulatedWorker>> workers_;
  absl::flat_hash_set<TaskId> retried_;
  bool calm_ = false;
  bool over_ = false;
  bool master_changes_ = false;  // is being crashed or started
  int64_t recorded_ = 0;         // in the history
  int64_t events_looked_at_ = 0;
  int64_t forgotten_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_WORLD_H_
