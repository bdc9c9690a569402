#ifndef TAREA_BENCH_SETUP_H_
#define TAREA_BENCH_SETUP_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {

// Asks again and again, with `pause` between, until `condition` holds. DEADLINE_EXCEEDED with
// `what` if it does not within `timeout`; an error of `condition` ends it and is returned.
absl::Status Await(const std::string& what, absl::FunctionRef<absl::StatusOr<bool>()> condition,
                   absl::Duration timeout = absl::Minutes(2),
                   absl::Duration pause = absl::Milliseconds(5));

// Waits until `done` answers at least `total`: asks rarely at first and often towards the end, so
// that it costs little and is exact to about a millisecond. DEADLINE_EXCEEDED if it takes too long.
absl::Status AwaitDone(int64_t total, absl::FunctionRef<absl::StatusOr<int64_t>()> done);

// A master and workers as a user would run them: the real programs with default settings, on this
// machine, with the data in a directory of its own.
//
//     Setup setup(BinPath("master"));
//     if (absl::Status status = setup.StartMaster(); !status.ok()) return status;
//     if (absl::Status status = setup.StartWorkers(4); !status.ok()) return status;
//     setup.client().Submit(...);
//
// Errors while starting have the log of whoever does not start. Not thread-safe, except for
// client() and address(); use it from the main thread (see Process).
class Setup {
 public:
  // `master`: the path of its program. `client`: how the client is set up, apart from the address.
  explicit Setup(std::string master, ClientOptions client = {.max_call_tasks = 1000})
      : master_program_(std::move(master)), client_options_(std::move(client)) {}
  // Ends all processes. If the master ended before, tells how on stderr, with the end of its log.
  ~Setup();
  Setup(const Setup&) = delete;
  Setup& operator=(const Setup&) = delete;

  // Returns when it takes calls. The first time on a port that the kernel picks, later on the same.
  absl::Status StartMaster(const std::vector<std::string>& flags = {});

  // Sends the signal and waits for the end.
  absl::Status StopMaster(int signal);

  // Starts that many workers (noop_worker.h) more and waits until all wait for tasks. Their queues
  // must be paused or empty.
  absl::Status StartWorkers(int count, const std::vector<std::string>& flags = {});

  // Ends all workers without letting them know.
  void KillWorkers() { workers_.clear(); }

  // Processor time so far; of all workers that run.
  absl::Duration MasterCpu() const;
  absl::Duration WorkersCpu() const;

  Process& master() { return *master_; }
  Client& client() { return *client_; }
  const std::string& address() const { return address_; }
  std::string data_dir() const { return dir_.path() + "/data"; }

 private:
  const std::string master_program_;
  const ClientOptions client_options_;
  TempDir dir_;
  std::string address_;
  std::unique_ptr<Process> master_;
  std::vector<std::unique_ptr<Process>> workers_;
  std::unique_ptr<Client> client_;
};

// `count` tasks of this type with a payload of `payload_bytes`, for the default queue.
std::vector<v1::TaskSpec> MakeTasks(int64_t count, const std::string& type,
                                    size_t payload_bytes = 100);

}  // namespace tarea

#endif  // TAREA_BENCH_SETUP_H_
