#include "bench/setup.h"

#include <signal.h>

#include <algorithm>
#include <filesystem>
#include <iostream>
#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/measure.h"

namespace tarea {
namespace {

// Bytes of the end of a log.
constexpr size_t kShownLog = 4000;

constexpr absl::Duration kPatienceWithWork = absl::Minutes(2);
constexpr absl::Duration kShortestPause = absl::Milliseconds(1);
constexpr absl::Duration kLongestPause = absl::Milliseconds(50);

}  // namespace

absl::Status Await(const std::string& what, absl::FunctionRef<absl::StatusOr<bool>()> condition,
                   absl::Duration timeout, absl::Duration pause) {
  const Stopwatch waited;
  for (;;) {
    const absl::StatusOr<bool> holds = condition();
    if (!holds.ok()) return holds.status();
    if (*holds) return absl::OkStatus();
    if (waited.Elapsed() > timeout) {
      return absl::DeadlineExceededError(
          absl::StrCat("waited ", absl::FormatDuration(timeout), " for ", what));
    }
    absl::SleepFor(pause);
  }
}

absl::Status AwaitDone(int64_t total, absl::FunctionRef<absl::StatusOr<int64_t>()> done) {
  const Stopwatch watch;
  while (watch.Elapsed() < kPatienceWithWork) {
    const absl::StatusOr<int64_t> now = done();
    if (!now.ok()) return now.status();
    if (*now >= total) return absl::OkStatus();
    // Half of the time that the rest takes if it goes on like this.
    const absl::Duration rest =
        *now > 0 ? watch.Elapsed() * (static_cast<double>(total - *now) / static_cast<double>(*now))
                 : absl::ZeroDuration();
    absl::SleepFor(std::clamp(rest / 2, kShortestPause, kLongestPause));
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "waited ", absl::FormatDuration(kPatienceWithWork), " for ", total, " tasks to be done"));
}

Setup::~Setup() {
  if (master_ == nullptr) return;
  const std::optional<ProcessEnd> end = master_->Wait(absl::ZeroDuration());
  if (!end.has_value()) return;
  const std::string log = master_->Log();
  const size_t begin = log.size() > kShownLog ? log.find('\n', log.size() - kShownLog) + 1 : 0;
  std::cerr << "the master ended with " << *end << "; its last words:\n" << log.substr(begin);
}

absl::Status Setup::StartMaster(const std::vector<std::string>& flags) {
  const std::string port_file = dir_.path() + "/port";
  std::filesystem::remove(port_file);
  std::vector<std::string> arguments = {"--listen",    address_.empty() ? "127.0.0.1:0" : address_,
                                        "--data-dir",  data_dir(),
                                        "--port-file", port_file};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  master_ = std::make_unique<Process>(master_program_, arguments);
  const absl::Status started = Await(
      "the master to start",
      [&]() -> absl::StatusOr<bool> {
        if (std::filesystem::exists(port_file)) return true;
        if (!master_->Wait(absl::ZeroDuration()).has_value()) return false;
        return absl::UnavailableError(absl::StrCat("the master ended: ", master_->Log()));
      },
      Process::kPatience, absl::Milliseconds(1));
  if (!started.ok() || client_ != nullptr) return started;
  address_ = absl::StrCat("127.0.0.1:", absl::StripAsciiWhitespace(ReadFile(port_file)));
  ClientOptions options = client_options_;
  options.masters = {address_};
  client_ = std::make_unique<Client>(std::move(options));
  return absl::OkStatus();
}

absl::Status Setup::StopMaster(int signal) {
  master_->Kill(signal);
  if (master_->Wait().has_value()) return absl::OkStatus();
  return absl::DeadlineExceededError(
      absl::StrCat("the master does not end after signal ", signal, ": ", master_->Log()));
}

absl::Status Setup::StartWorkers(int count, const std::vector<std::string>& flags) {
  for (int i = 0; i < count; ++i) {
    std::vector<std::string> arguments = {"worker", "--master", address_, "--name",
                                          absl::StrCat("w", workers_.size() + 1)};
    arguments.insert(arguments.end(), flags.begin(), flags.end());
    workers_.push_back(std::make_unique<Process>(BinPath("tarea_bench"), arguments));
  }
  return Await("the workers to connect", [&]() -> absl::StatusOr<bool> {
    for (const std::unique_ptr<Process>& worker : workers_) {
      if (!worker->Wait(absl::ZeroDuration()).has_value()) continue;
      return absl::UnavailableError(absl::StrCat("a worker ended: ", worker->Log()));
    }
    const absl::StatusOr<v1::GetStatsResponse> stats = client_->Stats();
    if (!stats.ok()) return stats.status();
    return stats->parked_polls() >= static_cast<int>(workers_.size());
  });
}

absl::Duration Setup::MasterCpu() const { return CpuTime(master_->pid()); }

absl::Duration Setup::WorkersCpu() const {
  absl::Duration sum;
  for (const std::unique_ptr<Process>& worker : workers_) sum += CpuTime(worker->pid());
  return sum;
}

std::vector<v1::TaskSpec> MakeTasks(int64_t count, const std::string& type, size_t payload_bytes) {
  v1::TaskSpec task;
  task.set_type(type);
  task.set_payload(std::string(payload_bytes, 'x'));
  return std::vector<v1::TaskSpec>(static_cast<size_t>(count), task);
}

}  // namespace tarea
