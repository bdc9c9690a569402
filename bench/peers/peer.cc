#include "bench/peers/peer.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <new>
#include <optional>
#include <sstream>
#include <system_error>
#include <vector>

namespace tarea::peers {
namespace {

std::string program = "peer";
bool is_child = false;

std::string LastError() { return std::generic_category().message(errno); }

std::int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);  // The same in all processes.
  return now.tv_sec * 1'000'000'000LL + now.tv_nsec;
}

void* SharedMemory(std::size_t size) {
  void* memory = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) Die("mmap of " + std::to_string(size) + " bytes failed");
  return memory;
}

void MakePipe(int (&ends)[2]) {
  if (pipe(ends) != 0) Die("no pipe: " + LastError());
}

void WriteByte(int fd) {
  if (write(fd, "x", 1) != 1) Die("a process of this measurement has gone");
}

void ReadByte(int fd) {
  char byte;
  if (read(fd, &byte, 1) != 1) Die("a process of this measurement has gone");
}

pid_t StartProcess(const std::function<void()>& body) {
  std::fflush(nullptr);
  const pid_t pid = fork();
  if (pid < 0) Die("fork failed: " + LastError());
  if (pid == 0) {
    is_child = true;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    _exit(0);  // What the parent has open is none of the child's business.
  }
  return pid;
}

void AwaitProcess(pid_t pid) {
  int status = 0;
  if (waitpid(pid, &status, 0) != pid || status != 0) Die("a process of this measurement failed");
}

// Starts the processes, lets them begin when each has connected, and waits for them. Returns when
// they began, in nanoseconds of CLOCK_MONOTONIC.
std::int64_t RunProcesses(int count,
                          const std::function<void(int, const std::function<void()>&)>& body) {
  int ready[2], go[2];
  MakePipe(ready);
  MakePipe(go);
  std::vector<pid_t> pids;
  for (int i = 0; i < count; ++i) {
    pids.push_back(StartProcess([&, i] {
      body(i, [&] {
        WriteByte(ready[1]);
        ReadByte(go[0]);
      });
    }));
  }
  for (int i = 0; i < count; ++i) ReadByte(ready[0]);
  const std::int64_t begin = NowNanos();
  for (int i = 0; i < count; ++i) WriteByte(go[1]);
  for (const pid_t pid : pids) AwaitProcess(pid);
  for (const int fd : {ready[0], ready[1], go[0], go[1]}) close(fd);
  return begin;
}

double OwnCpuSeconds() {
  double seconds = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage;
    getrusage(who, &usage);
    seconds += static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
               static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  }
  return seconds;
}

// CPU time of the process and of all its descendants, those that have ended included.
double ServerCpuSeconds(std::int64_t root) {
  if (root == 0) return 0;
  std::multimap<std::int64_t, std::int64_t> children;
  std::map<std::int64_t, double> ticks;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::int64_t pid = std::atoll(entry.path().filename().c_str());
    if (pid == 0) continue;
    std::ifstream file(entry.path() / "stat");
    std::string line;
    if (!std::getline(file, line)) continue;  // It has just ended.
    // The second field, the name in parentheses, may have spaces.
    std::istringstream fields(line.substr(line.rfind(')') + 1));
    std::string state, skipped;
    std::int64_t parent = 0;
    double user = 0, system = 0, children_user = 0, children_system = 0;
    fields >> state >> parent;
    for (int i = 0; i < 9; ++i) fields >> skipped;
    fields >> user >> system >> children_user >> children_system;
    children.emplace(parent, pid);
    ticks[pid] = user + system + children_user + children_system;
  }
  double sum = 0;
  std::vector<std::int64_t> open = {root};
  while (!open.empty()) {
    const std::int64_t pid = open.back();
    open.pop_back();
    sum += ticks[pid];
    const auto [begin, end] = children.equal_range(pid);
    for (auto it = begin; it != end; ++it) open.push_back(it->second);
  }
  return sum / static_cast<double>(sysconf(_SC_CLK_TCK));
}

struct Throughput {
  double submit_seconds = 0;
  double drain_seconds = 0;
};

Throughput MeasureThroughput(Peer& peer, const Load& load) {
  const std::int64_t each = load.tasks / load.submitters;
  const std::int64_t submit_begin =
      RunProcesses(load.submitters, [&](int i, const std::function<void()>& start) {
        start();
        peer.Submit(i == 0 ? load.tasks - each * (load.submitters - 1) : each);
      });
  const std::int64_t submit_end = NowNanos();
  Progress progress(load.tasks);
  const std::int64_t drain_begin = RunProcesses(
      load.workers, [&](int, const std::function<void()>& start) { peer.Drain(start, progress); });
  if (progress.done() != load.tasks) {
    Die("the workers did " + std::to_string(progress.done()) + " tasks of " +
        std::to_string(load.tasks));
  }
  return {static_cast<double>(submit_end - submit_begin) * 1e-9,
          static_cast<double>(progress.last_nanos() - drain_begin) * 1e-9};
}

// Fills in the load, or returns the exit code to end with.
std::optional<int> ParseLoad(int argc, char** argv, Load& load) {
  CLI::App app("Measures a system that is not Tarea; scripts/bench-peers runs it");
  app.add_option("--port", load.port, "Port of the server on 127.0.0.1")->required();
  app.add_option("--tasks", load.tasks, "Tasks to submit, then to drain")->required();
  app.add_option("--workers", load.workers, "Processes that drain")->capture_default_str();
  app.add_option("--submitters", load.submitters, "Processes that submit")->capture_default_str();
  app.add_option("--round-trips", load.round_trips, "Single tasks to time")->capture_default_str();
  app.add_option("--payload", load.payload, "Bytes in each task")->capture_default_str();
  app.add_option("--server", load.server, "Process id of the server, for its CPU time");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e);
  }
  return std::nullopt;
}

}  // namespace

void Die(const std::string& message) {
  std::fprintf(stderr, "%s: %s\n", program.c_str(), message.c_str());
  // The others wait for this one; they end with the parent.
  if (is_child) kill(getppid(), SIGKILL);
  _exit(1);
}

struct Progress::Shared {
  std::atomic<std::int64_t> done;
  std::atomic<std::int64_t> last_nanos;
};

Progress::Progress(std::int64_t tasks)
    : tasks_(tasks), shared_(new (SharedMemory(sizeof(Shared))) Shared) {}

void Progress::Add(std::int64_t tasks) {
  shared_->done += tasks;
  shared_->last_nanos = NowNanos();
}

std::int64_t Progress::done() const { return shared_->done; }

std::int64_t Progress::last_nanos() const { return shared_->last_nanos; }

struct RoundTrips::Shared {
  std::atomic<std::int64_t> begin;
  std::atomic<int> taken;
};

RoundTrips::RoundTrips(int count)
    : count_(count),
      shared_(new (SharedMemory(sizeof(Shared))) Shared),
      millis_(static_cast<double*>(
          SharedMemory(sizeof(double) * static_cast<std::size_t>(std::max(count, 1))))) {
  MakePipe(pipe_);
}

void RoundTrips::Begin() { shared_->begin = NowNanos(); }

void RoundTrips::End() {
  const std::int64_t nanos = NowNanos() - shared_->begin;
  millis_[shared_->taken++] = static_cast<double>(nanos) * 1e-6;
}

void RoundTrips::Ready() { WriteByte(pipe_[1]); }

void RoundTrips::AwaitReady() { ReadByte(pipe_[0]); }

double RoundTrips::Percentile(double p) const {
  std::vector<double> sorted(millis_, millis_ + shared_->taken);
  if (sorted.empty()) return 0;
  std::sort(sorted.begin(), sorted.end());
  return sorted[static_cast<std::size_t>(p * static_cast<double>(sorted.size() - 1))];
}

int RunPhases(int argc, char** argv,
              const std::function<std::unique_ptr<Peer>(const Load&)>& make) {
  program = argv[0];
  program = program.substr(program.rfind('/') + 1);
  Load load;
  if (const std::optional<int> exit_code = ParseLoad(argc, argv, load)) return *exit_code;
  const std::unique_ptr<Peer> peer(make(load));
  peer->Prepare();

  const double client_before = OwnCpuSeconds();
  const double server_before = ServerCpuSeconds(load.server);
  const Throughput throughput = MeasureThroughput(*peer, load);
  const double client_cpu = OwnCpuSeconds() - client_before;
  const double server_cpu = ServerCpuSeconds(load.server) - server_before;

  RoundTrips trips(load.round_trips);
  const pid_t worker = StartProcess([&] { peer->WorkRoundTrips(trips); });
  const pid_t submitter = StartProcess([&] { peer->SubmitRoundTrips(trips); });
  AwaitProcess(submitter);
  AwaitProcess(worker);

  const auto tasks = static_cast<double>(load.tasks);
  std::printf(
      "{\"tasks\": %.0f, \"submit_per_second\": %.0f, \"drain_per_second\": %.0f, "
      "\"whole_per_second\": %.0f, \"round_trip_p50_ms\": %.3f, \"round_trip_p99_ms\": %.3f, "
      "\"client_cpu_seconds\": %.2f, \"server_cpu_seconds\": %.2f, \"seconds\": %.2f}\n",
      tasks, tasks / throughput.submit_seconds, tasks / throughput.drain_seconds,
      tasks / (throughput.submit_seconds + throughput.drain_seconds), trips.Percentile(0.5),
      trips.Percentile(0.99), client_cpu, server_cpu,
      throughput.submit_seconds + throughput.drain_seconds);
  return 0;
}

}  // namespace tarea::peers
