#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "bench/floors.h"
#include "bench/measure.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"

namespace tarea {
namespace {

constexpr int kThreads = 64;
// Tasks and echoes take turns, so that a machine whose mood changes treats them alike.
constexpr int kTurns = 3;
constexpr absl::Duration kTime = absl::Milliseconds(1500);

// Counts what was submitted, until it is told to stop or something fails. Thread-safe.
class Submitters {
 public:
  explicit Submitters(const std::string& address) : address_(address) {}

  // What each thread does.
  void Run() ABSL_LOCKS_EXCLUDED(mu_) {
    Client client({.masters = {address_}});
    while (!stop_) {
      const absl::StatusOr<Submission> batch = client.Submit("", MakeTasks(1, "noop"));
      if (!batch.ok()) {
        absl::MutexLock lock(&mu_);
        status_.Update(batch.status());
        return;
      }
      ++submitted_;
    }
  }

  void Stop() { stop_ = true; }
  int64_t submitted() const { return submitted_; }
  absl::Status status() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return status_;
  }

 private:
  const std::string address_;
  std::atomic<bool> stop_ = false;
  std::atomic<int64_t> submitted_ = 0;
  absl::Mutex mu_;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

struct Unbatched {
  double rate = 0;
  double master_cpu_us = 0;  // per task
};

absl::StatusOr<Unbatched> Measure(const std::string& master) {
  Setup setup(master);
  if (absl::Status status = setup.StartMaster(); !status.ok()) return status;
  Submitters submitters(setup.address());
  std::vector<std::thread> threads;
  const absl::Duration cpu = setup.MasterCpu();
  const Stopwatch watch;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back([&] { submitters.Run(); });
  absl::SleepFor(kTime);
  submitters.Stop();
  for (std::thread& thread : threads) thread.join();
  const absl::Duration time = watch.Elapsed();
  if (absl::Status status = submitters.status(); !status.ok()) return status;
  const auto submitted = static_cast<double>(submitters.submitted());
  return Unbatched{PerSecond(submitted, time),
                   absl::ToDoubleMicroseconds(setup.MasterCpu() - cpu) / submitted};
}

}  // namespace

absl::Status RunUnbatched(const ScenarioOptions& options, Findings& findings) {
  EchoServer echo;
  if (absl::Status status = echo.AwaitStart(); !status.ok()) return status;
  findings.Say(absl::StrCat(kThreads, " threads, ", kTurns, " turns of ",
                            absl::FormatDuration(kTime), " with echoes and with tasks"));
  double floor = 0;
  Unbatched all;
  for (int i = 0; i < kTurns; ++i) {
    const absl::StatusOr<double> echoes = EchoRate(echo.address(), kThreads, kTime);
    if (!echoes.ok()) return echoes.status();
    const absl::StatusOr<Unbatched> submitted = Measure(options.master);
    if (!submitted.ok()) return submitted.status();
    floor += *echoes / kTurns;
    all.rate += submitted->rate / kTurns;
    all.master_cpu_us += submitted->master_cpu_us / kTurns;
  }
  findings.Add("bare echo, 64 threads", floor, "/s");
  findings.Add("single tasks, 64 threads", all.rate, "/s");
  findings.Add("master's CPU per task", all.master_cpu_us, "us");
  findings.Add("single tasks / bare echoes", all.rate / floor, "x", AtLeast(0.7));
  return absl::OkStatus();
}

}  // namespace tarea
