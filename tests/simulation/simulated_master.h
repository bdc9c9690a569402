#ifndef TAREA_TESTS_SIMULATION_SIMULATED_MASTER_H_
#define TAREA_TESTS_SIMULATION_SIMULATED_MASTER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "master/dispatcher.h"
#include "master/store/sqlite_store.h"
#include "tests/dispatch/faulty_store.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_disk.h"

namespace tarea {

// The dispatcher and a store, as they are in the master, in a process that can be killed. All but
// Start and Crash, which take simulated time, is to be called on any fiber. Not thread-safe.
class SimulatedMaster {
 public:
  enum class Kind { kMemory, kSqlite };
  struct Options {
    Kind store = Kind::kMemory;
    Durability durability = Durability::kFsync;
    std::string data_dir;      // of kSqlite: where its lock is; the data are on the simulated disk
    uint64_t seed = 0;         // of kSqlite: of that disk
    bool disk_faults = false;  // with kSqlite only: a full disk is full below SQLite, not above it
    bool skip_reserved_ids = true;
    DispatcherOptions dispatcher;
    // How long a commit and a sync take.
    absl::Duration most_for_commit = absl::Microseconds(100);
    absl::Duration most_for_sync = absl::Milliseconds(5);
  };
  // The process of what is in no simulated process.
  static constexpr Scheduler::Process kOutside = 0;

  // `on_broken` is called when the dispatcher gives up, on a fiber of the master; it is to be
  // crashed then.
  SimulatedMaster(Scheduler* scheduler, const Options& options, std::function<void()> on_broken);
  ~SimulatedMaster();

  // Starts a new process. Not OK: the store cannot be opened, or fails at once; the process has
  // ended.
  absl::Status Start();

  // Ends the process in the middle of whatever it does. What it committed is kept by a memory
  // store, and by SQLite unless the power is lost, too; then what was not synced may be gone.
  void Crash(bool power_is_lost);

  bool up() const { return up_; }
  // While it is up.
  Scheduler::Process process() const { return process_; }
  Dispatcher& dispatcher() { return *dispatcher_; }

  // From now on: commits fail for want of space, or the next one fails for another reason.
  void SetFull(bool full);
  void FailNextCommit();
  // With kSqlite: the n-th write or sync of the disk from now fails.
  void FailDisk(int64_t n) { disk_->FailAt(n); }
  void FailSync() { disk_->FailSync(); }
  int64_t times_forgotten() const { return disk_ == nullptr ? 0 : disk_->times_forgotten(); }
  int64_t refused_for_space() const {
    return refused_for_space_ + (disk_ == nullptr ? 0 : disk_->refused_for_space());
  }

  // Whether it runs, and nothing goes on in it but waiting for somebody or some time.
  bool AllWait() const {
    return up_ && scheduler_.sleeping(process_) == 0 && !scheduler_.frozen(process_);
  }

 private:
  absl::Status OpenStore();
  absl::Status BeforeCommit();
  absl::Status AfterCommit();
  absl::Status Synced();
  absl::Status Passed(absl::Duration most);

  Scheduler& scheduler_;
  const Options options_;
  const std::function<void()> on_broken_;
  std::unique_ptr<SimulatedDisk> disk_;
  std::unique_ptr<FaultyStore> store_;
  std::unique_ptr<Dispatcher> dispatcher_;
  Scheduler::Process process_ = kOutside;
  bool up_ = false;
  bool full_ = false;
  bool fail_next_ = false;
  int64_t refused_for_space_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_SIMULATED_MASTER_H_
