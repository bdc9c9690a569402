#ifndef TAREA_TESTS_CHAOS_HAND_WORKER_H_
#define TAREA_TESTS_CHAOS_HAND_WORKER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/caller.h"
#include "tests/chaos/known.h"
#include "tests/chaos/tasks.h"

namespace tarea {

// A worker that does what workers should not: reports late, twice, differently, or never. All of it
// goes into the history, which real workers can only be seen to do by what their tasks write.
class HandWorker {
 public:
  // `journal` must outlive it.
  HandWorker(Journal& journal, const std::string& name, const std::string& address,
             absl::Duration lease, uint64_t seed)
      : caller_(journal, name, address), name_(name), lease_(lease), random_(seed) {}

  // Until Stop, which another thread calls.
  void Run();
  void Stop() { caller_.Stop(); }

 private:
  // What is to be sent, and when.
  struct Report {
    absl::Time due;
    v1::TaskResult result;
    bool renewed = false;  // until then, its lease is
  };

  void Take();
  void Plan(const v1::LeasedTask& task);
  void SendDue();
  // False if the outcome is not known.
  bool Send(const std::vector<v1::TaskResult>& results);
  void Renew();
  v1::WorkerInfo Info() const;

  Caller caller_;
  const std::string name_;
  const absl::Duration lease_;
  Random random_;
  std::vector<Report> reports_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_HAND_WORKER_H_
