#ifndef TAREA_TESTS_CHAOS_STORM_H_
#define TAREA_TESTS_CHAOS_STORM_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/io_control.h"
#include "tests/chaos/journal.h"
#include "tests/chaos/known.h"
#include "tests/chaos/programs.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/schedule.h"
#include "tests/support/small_disk.h"

namespace tarea {

// What a storm can be let loose on.
struct Victims {
  Journal* journal = nullptr;
  Known* known = nullptr;
  Program* master = nullptr;
  std::vector<Program*> workers = {};  // that may be killed and stopped
  Proxy* proxy = nullptr;
  int links = 0;              // of the proxy, from 0
  SmallDisk* disk = nullptr;  // null: there is none
  IoControl* io = nullptr;
};

// Carries out a schedule. Use it from the main thread.
class Storm {
 public:
  Storm(Victims victims, std::vector<Fault> schedule)
      : victims_(std::move(victims)), schedule_(std::move(schedule)) {}

  // Begins and ends what is due, `elapsed` after the beginning. Call it every few milliseconds.
  void Tick(absl::Duration elapsed);

  // Whether nothing is going on.
  bool idle() const { return active_.empty(); }

 private:
  struct Active {
    Fault fault;
    int carried_out = 0;  // of IoControl, when it began
    absl::Duration failed_at = absl::InfiniteDuration();
    int starts = 0;  // of the master, when it failed
  };

  void Begin(const Fault& fault);
  void BeginDisk(const Fault& fault);
  void BeginIo(const Fault& fault);
  void BeginLink(const Fault& fault);
  void End(const Fault& fault);
  void EndIo(const Active& active);
  bool IsOver(Active& active, absl::Duration elapsed) const;
  bool IoIsOver(Active& active, absl::Duration elapsed) const;
  void SetQuality(const Fault& fault, const LinkQuality& quality);
  void Tell(const Fault& fault, const std::string& whom) const;
  Program& Worker(const Fault& fault) const {
    return *victims_.workers[fault.target % victims_.workers.size()];
  }

  const Victims victims_;
  const std::vector<Fault> schedule_;
  size_t next_ = 0;
  std::vector<Active> active_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_STORM_H_
