#ifndef TAREA_TESTS_E2E_CLUSTER_H_
#define TAREA_TESTS_E2E_CLUSTER_H_

#include <signal.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/client.h"
#include "common/connection.h"
#include "proto/tasks.grpc.pb.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {

// What a command line did.
struct CommandResult {
  ProcessEnd end;
  std::string out;
  std::string err;
};

// Waits until `condition` holds, asking again and again. False if it does not within `timeout`.
bool WaitFor(absl::FunctionRef<bool()> condition, absl::Duration timeout = Process::kPatience);

// A master, workers and clients as a user would run them: the real binaries, on this machine, with
// everything they write in a directory of its own.
//
//     Cluster cluster;
//     cluster.StartMaster({"--lease", "1s"});
//     cluster.StartWorker("w1", {"--slots", "4"});
//     EXPECT_EQ(cluster.RunClient({"submit", "--type", "echo"}).end, ProcessEnd{});
//     cluster.KillMaster(SIGKILL);
//     cluster.StartMaster();  // the same data, the same port
//
// What cannot be started fails the test, with its log. If the test has failed at the end, all logs
// are printed. Use it from the thread that the test runs in (see Process); client() and
// connection() may be used from any.
class Cluster {
 public:
  Cluster() = default;
  ~Cluster();
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;

  // Starts the master and returns when it takes calls. The first time on a port that the kernel
  // picks, later on the same. `flags` are kept for later starts unless others are given.
  void StartMaster(const std::vector<std::string>& flags = {});

  // Sends the signal and waits for the end.
  ProcessEnd KillMaster(int signal = SIGKILL);

  // Starts a worker of this name, or starts it anew if it has ended. Does not wait until the master
  // knows it.
  Process& StartWorker(const std::string& name, const std::vector<std::string>& flags = {});

  // Runs the client to its end; `input` is its stdin.
  CommandResult RunClient(const std::vector<std::string>& arguments, const std::string& input = "");

  // Only after the first StartMaster.
  Process& master() { return *master_; }
  Process& worker(const std::string& name) { return *workers_.at(name); }
  Client& client() { return *client_; }
  // For what the client library has no call for, above all those of a worker. Calls are repeated
  // while the master is away.
  Connection& connection() { return *connection_; }

  // "127.0.0.1:PORT".
  const std::string& address() const { return address_; }
  std::string data_dir() const { return dir_.path() + "/data"; }
  // For whatever else the test writes.
  const std::string& path() const { return dir_.path(); }

 private:
  // True once the port is written; false if the master ended before.
  bool AwaitPort(const std::string& port_file);

  TempDir dir_;
  std::vector<std::string> master_flags_;
  std::string address_;
  std::unique_ptr<Process> master_;
  std::map<std::string, std::unique_ptr<Process>> workers_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Connection> connection_;
};

// The calls of a worker, one at a time, for tests that decide themselves what a worker does.
// Thread-safe.
class FakeWorker {
 public:
  // `connection` must outlive it.
  FakeWorker(Connection& connection, std::string id)
      : connection_(connection), id_(std::move(id)) {}

  // Takes up to `max_tasks`, waiting for the first. None if there is none within `wait`.
  std::vector<v1::LeasedTask> Take(int max_tasks, absl::Duration wait = absl::Seconds(30));

  v1::ResultStatus Report(const v1::LeasedTask& task, v1::ResultOutcome outcome,
                          absl::string_view result = "");

 private:
  Connection& connection_;
  const std::string id_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_E2E_CLUSTER_H_
