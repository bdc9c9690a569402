#ifndef TAREA_BENCH_PEERS_PEER_H_
#define TAREA_BENCH_PEERS_PEER_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

// What the programs that measure other systems share: the load, its phases, the clock and the
// report. A program derives from Peer and returns PeerMain<...> from main:
//
//   peer_gearman --port 4730 --tasks 200000 --workers 4 --round-trips 2000
//
// prints one line of JSON. Each worker is a process of its own. Any error ends the program with a
// message and exit code 1: half a measurement is none.
namespace tarea::peers {

struct Load {
  int port = 0;             // Of the server, on 127.0.0.1.
  std::int64_t tasks = 0;   // How many are submitted, and then drained.
  int workers = 4;          // Processes that drain.
  int submitters = 1;       // Processes that submit.
  int round_trips = 2000;   // Single tasks whose time is taken.
  int payload = 100;        // Bytes in each task.
  std::int64_t server = 0;  // Process whose CPU time, with that of its descendants, is reported.
};

// The round trips, in memory that the submitting process and the worker share: time is taken where
// it begins, and taken again where the task is first known to be done.
class RoundTrips {
 public:
  explicit RoundTrips(int count);
  RoundTrips(const RoundTrips&) = delete;
  RoundTrips& operator=(const RoundTrips&) = delete;

  int count() const { return count_; }
  // Right before a task is sent. Only one is on its way at a time.
  void Begin();
  // As soon as the task is known to be done, in whichever of the two processes.
  void End();
  // For the worker: it waits for a task, so the next may be sent.
  void Ready();
  // For the submitter: until the worker has called Ready once more.
  void AwaitReady();
  double Percentile(double p) const;  // In milliseconds; p from 0 to 1.

 private:
  struct Shared;
  const int count_;
  Shared* const shared_;
  double* const millis_;
  int pipe_[2];
};

// How far the workers have come, all together, in memory that they share.
class Progress {
 public:
  explicit Progress(std::int64_t tasks);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // The worker did this many more, and as far as it can tell the server knows. The last call of all
  // workers is the end of the drain.
  void Add(std::int64_t tasks);
  std::int64_t done() const;
  bool complete() const { return done() >= tasks_; }
  // When Add was last called, in nanoseconds of CLOCK_MONOTONIC.
  std::int64_t last_nanos() const;

 private:
  struct Shared;
  const std::int64_t tasks_;
  Shared* const shared_;
};

class Peer {
 public:
  virtual ~Peer() = default;

  // Called once before anything else, for queues that have to be made.
  virtual void Prepare() {}
  // Submits this many tasks and returns when the server has acknowledged each. May run in several
  // processes at once.
  virtual void Submit(std::int64_t tasks) = 0;
  // A worker. Connects, calls start, which returns when all workers are connected, and works until
  // nothing is left and the server has dealt with all that it was told.
  virtual void Drain(const std::function<void()>& start, Progress& progress) = 0;
  // A worker for single tasks, and who submits them. The worker calls Ready before each task that
  // it waits for; the submitter calls AwaitReady and Begin before each that it sends; either calls
  // End.
  virtual void WorkRoundTrips(RoundTrips& trips) = 0;
  virtual void SubmitRoundTrips(RoundTrips& trips) = 0;
};

// Runs the phases: Prepare, Submit, Drain, round trips. Needs a function that makes the Peer,
// because the options are known only after argv is read.
int RunPhases(int argc, char** argv, const std::function<std::unique_ptr<Peer>(const Load&)>& make);

template <typename SomePeer>
int PeerMain(int argc, char** argv) {
  return RunPhases(argc, argv, [](const Load& load) { return std::make_unique<SomePeer>(load); });
}

// Prints the message with the program's name and ends the process with code 1.
[[noreturn]] void Die(const std::string& message);

}  // namespace tarea::peers

#endif  // TAREA_BENCH_PEERS_PEER_H_
