#ifndef TAREA_TESTS_SIMULATION_SIMULATED_CLIENT_H_
#define TAREA_TESTS_SIMULATION_SIMULATED_CLIENT_H_

#include <string>
#include <vector>

#include "tests/simulation/actor.h"

namespace tarea {

// Submits, watches, reads, cancels, retries; sends each submission until it is answered. A run that
// is killed forgets what it was about, but not the tasks that it knows of.
class SimulatedClient : public Actor {
 public:
  using Actor::Actor;

  // Whether it has nothing under way.
  bool idle() const { return busy_ == 0; }

 protected:
  void OnStart() override;

 private:
  struct Submission {
    InsertRequest request;
    std::vector<HistoryItem> items;
  };

  void Live();
  void DoSomething();
  void Submit();
  Submission NextSubmission();
  TaskSpec NextTask(int position);
  // Sends it until it is answered.
  void Send(Submission submission);
  void Learn(const Submission& submission, const InsertAnswer& answer);
  void SendSpoilt(Submission submission);
  TaskId AnyTask();
  absl::StatusOr<InsertAnswer> SendOnce(Submission& submission);
  void Cancel();
  void Retry();
  void Read();
  void Pause();
  void Watch(BatchId batch);

  int busy_ = 0;
  int64_t requests_ = 0;
  std::vector<TaskId> tasks_;  // acknowledged
  std::vector<Submission> sent_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_SIMULATED_CLIENT_H_
