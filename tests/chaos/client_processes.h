#ifndef TAREA_TESTS_CHAOS_CLIENT_PROCESSES_H_
#define TAREA_TESTS_CHAOS_CLIENT_PROCESSES_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/known.h"
#include "tests/support/process.h"

namespace tarea {

// The real client, started again and again to submit something, and often killed while it does. Use
// it from the main thread (see Process).
class ClientProcesses {
 public:
  // All references must outlive it. `address`: of the master, or of the way to it.
  ClientProcesses(Journal& journal, Known& known, std::string address, uint64_t seed)
      : scribe_(journal, "client"), known_(known), address_(std::move(address)), random_(seed) {}

  // Starts, kills and looks after them. Call it every few milliseconds.
  void Tick();

  // Starts no more; true once all have ended.
  bool Finish();

 private:
  struct Running {
    std::unique_ptr<Process> process;
    int64_t call = 0;
    HistoryItem item;
    int count = 0;
    absl::Time kill_at;
    absl::Time give_up_at;
    bool killed = false;
  };

  void Start();
  // False while it runs.
  bool Look(Running& running);
  void TakeAnswer(const Running& running);

  Scribe scribe_;
  Known& known_;
  const std::string address_;
  Random random_;
  int64_t started_ = 0;
  absl::Time next_start_ = absl::InfinitePast();
  std::list<Running> running_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_CLIENT_PROCESSES_H_
