#ifndef TAREA_TESTS_SIMULATION_SIMULATED_DISK_H_
#define TAREA_TESTS_SIMULATION_SIMULATED_DISK_H_

#include <sqlite3.h>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>

namespace tarea {

// A disk in memory, which SQLite uses as long as this exists, with all that can happen to one: the
// power fails, it is full, a call fails. What is written is there for who reads; it outlasts a loss
// of power for certain only once it was synced. Not thread-safe; one at a time.
class SimulatedDisk {
 public:
  // `seed` decides what a loss of power leaves.
  explicit SimulatedDisk(uint64_t seed);
  ~SimulatedDisk();
  SimulatedDisk(const SimulatedDisk&) = delete;
  SimulatedDisk& operator=(const SimulatedDisk&) = delete;

  // --- Faults
  // Whether every write is refused for want of space.
  void set_full(bool full) { full_ = full; }
  // The n-th write or sync from now fails, from 1.
  void FailAt(int64_t n) { fail_at_ = calls_ + n; }
  // The next sync fails.
  void FailSync() { fail_sync_ = true; }
  int64_t refused_for_space() const { return refused_for_space_; }
  // How often something was gone at a Restart.
  int64_t times_forgotten() const { return times_forgotten_; }

  // The process that writes has ended: nothing that it still does counts.
  void Stop() { stopped_ = true; }
  // Of what was not synced only some is left: of each sector of each write by chance. After Stop.
  void LosePower();
  // The disk is well again, and takes writes. All files must be closed. What a sync that failed has
  // left in memory only may be gone.
  void Restart();

 private:
  struct File;
  struct Handle;
  struct Methods;

  int Allow(int failure);
  void KeepSome(File& file);
  // What Linux does when a sync fails: some is on the disk, some is not, and all is taken for
  // written from now on. It stays in memory ...
  void Drop(File& file);
  // ... until it is read again, which may be as early as at the next start.
  void Forget();
  bool Survives();
  int64_t Below(int64_t limit) {
    return static_cast<int64_t>(random_() % static_cast<uint64_t>(limit));
  }

  std::mt19937_64 random_;
  std::map<std::string, std::shared_ptr<File>> files_;
  std::unique_ptr<sqlite3_vfs> vfs_;
  bool full_ = false;
  bool stopped_ = false;
  bool fail_sync_ = false;
  int64_t calls_ = 0;
  int64_t fail_at_ = 0;
  int64_t refused_for_space_ = 0;
  int64_t times_forgotten_ = 0;
  int64_t survival_percent_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_SIMULATED_DISK_H_
