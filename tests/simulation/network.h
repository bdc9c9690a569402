#ifndef TAREA_TESTS_SIMULATION_NETWORK_H_
#define TAREA_TESTS_SIMULATION_NETWORK_H_

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/simulation/scheduler.h"
#include "tests/simulation/simulated_master.h"

namespace tarea {

// Unwinds a fiber of a client or a worker whose process was killed.
struct Killed {};

// What connects one client or worker with the master.
struct Link {
  bool loses_calls = false;    // all that goes to the master
  bool loses_answers = false;  // all that comes from it
};

// Calls that are late, lost, or arrive twice. Not thread-safe.
class Network {
 public:
  struct Weather {
    int lost_percent = 0;
    int twice_percent = 0;
    absl::Duration least = absl::Microseconds(50);
    absl::Duration most = absl::Microseconds(300);
  };

  Network(Scheduler* scheduler, SimulatedMaster* master)
      : scheduler_(*scheduler), master_(*master) {}

  Weather weather;

  // Whether a call may be made twice without its caller's doing. gRPC does no such thing; it is
  // here for what a retry might do. What a claim that nobody knows of takes, nobody can account
  // for.
  enum class Repeat { kMay, kNever };

  // Has the master run `serve`, once, not at all, or more than once, and waits for an answer.
  // UNAVAILABLE: the connection broke. DEADLINE_EXCEEDED: none came in time. Throws Killed.
  template <typename Answer>
  absl::StatusOr<Answer> Call(
      const Link& link, absl::Duration deadline,
      std::function<absl::StatusOr<Answer>(Dispatcher&, const std::function<bool()>& gone)> serve,
      Repeat repeat = Repeat::kMay);

 private:
  template <typename Answer>
  struct Reply {
    absl::Mutex mu;
    absl::CondVar arrived;
    std::optional<absl::StatusOr<Answer>> answer;
    bool gone = false;  // nobody waits for it any more
    int copies = 0;     // of the call
  };

  // Runs `deliver` on `process` when the message arrives. Answers how often it will.
  int Send(bool lost, bool may_repeat, Scheduler::Process process,
           const std::function<void()>& deliver) {
    if (lost || scheduler_.Below(100) < weather.lost_percent) return 0;
    const int copies = may_repeat && scheduler_.Below(100) < weather.twice_percent ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      scheduler_.Spawn(process, scheduler_.Between(weather.least, weather.most), deliver);
    }
    return copies;
  }
  template <typename Answer>
  void SendAnswer(const Link& link, Scheduler::Process caller,
                  const std::shared_ptr<Reply<Answer>>& reply, absl::StatusOr<Answer> answer) {
    Send(link.loses_answers, true, caller, [this, reply, answer = std::move(answer)] {
      absl::MutexLock lock(&reply->mu);
      if (!reply->answer.has_value()) reply->answer = answer;
      scheduler_.WakeAll(reply->arrived);
    });
  }

  Scheduler& scheduler_;
  SimulatedMaster& master_;
};

template <typename Answer>
absl::StatusOr<Answer> Network::Call(
    const Link& link, absl::Duration deadline,
    std::function<absl::StatusOr<Answer>(Dispatcher&, const std::function<bool()>& gone)> serve,
    Repeat repeat) {
  const auto reply = std::make_shared<Reply<Answer>>();
  const Scheduler::Process caller = scheduler_.self();
  reply->copies =
      Send(link.loses_calls, repeat == Repeat::kMay, SimulatedMaster::kOutside,
           [this, &link, caller, reply, serve] {
             if (!master_.up()) {
               SendAnswer<Answer>(link, caller, reply, absl::UnavailableError("nobody listens"));
               return;
             }
             scheduler_.Spawn(master_.process(), absl::ZeroDuration(),
                              [this, &link, caller, reply, serve] {
                                const std::function<bool()> gone = [&] {
                                  return reply->gone || scheduler_.killed(caller);
                                };
                                absl::StatusOr<Answer> answer = serve(master_.dispatcher(), gone);
                                if (scheduler_.self_killed()) {
                                  answer = absl::UnavailableError("the connection broke");
                                }
                                SendAnswer<Answer>(link, caller, reply, std::move(answer));
                              });
           });
  absl::MutexLock lock(&reply->mu);
  const absl::Time end = scheduler_.Now() + deadline;
  while (!reply->answer.has_value() && scheduler_.Now() < end && !scheduler_.self_killed()) {
    scheduler_.Wait(reply->arrived, reply->mu, end - scheduler_.Now());
  }
  reply->gone = true;
  if (scheduler_.self_killed()) throw Killed();
  if (!reply->answer.has_value()) return absl::DeadlineExceededError("no answer came");
  if (reply->copies > 1 && !reply->answer->ok()) {
    return absl::UnavailableError("what was refused once may have been taken the other time");
  }
  return *std::move(reply->answer);
}

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_NETWORK_H_
