#include "tests/chaos/run.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "tests/chaos/auditor.h"
#include "tests/chaos/client_actor.h"
#include "tests/chaos/client_processes.h"
#include "tests/chaos/hand_worker.h"
#include "tests/chaos/io_control.h"
#include "tests/chaos/leftovers.h"
#include "tests/chaos/programs.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/schedule.h"
#include "tests/chaos/soak.h"
#include "tests/chaos/storm.h"
#include "tests/chaos/verdict.h"
#include "tests/support/small_disk.h"

namespace tarea {
namespace {

constexpr absl::Duration kTick = absl::Milliseconds(5);
constexpr absl::Duration kTellEvery = absl::Seconds(30);
constexpr int64_t kDiskBytes = int64_t{512} << 20;
// How long processes of tasks may still be seen once all is finished.
constexpr absl::Duration kPatience = absl::Seconds(20);
// Of a soak. Long enough that the auditor sees whatever ends before it is forgotten.
constexpr const char* kRetain = "45s";
constexpr int kSoakWindow = 6000;
constexpr int kWindow = 500;
constexpr const char* kStaleAtWorker = "result dropped, the lease is no longer current";

// A file that the master maps as well.
IoControl* MakeControl(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0 || ftruncate(fd, sizeof(IoControl)) != 0) abort();
  void* memory = mmap(nullptr, sizeof(IoControl), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close(fd);
  if (memory == MAP_FAILED) abort();
  return new (memory) IoControl;
}

// A run, from beginning to end. Its members are made and used in the main thread, but for what the
// actors do in theirs.
class ChaosRun {
 public:
  ChaosRun(const ChaosOptions& options, std::string directory)
      : options_(options),
        directory_(std::move(directory)),
        run_(absl::StrCat("chaos-", getpid())),
        data_(directory_ + "/data"),
        task_log_(directory_ + "/tasks.jsonl"),
        journal_(directory_ + "/history.jsonl"),
        address_(PickAddress()),
        proxy_(address_),
        tasks_(task_log_, run_, options.lease),
        auditor_(journal_, known_, "auditor", address_.ToString(),
                 options.soak ? kSoakWindow : kWindow),
        last_auditor_(journal_, known_, "last auditor", address_.ToString(), kWindow) {}

  bool Run(const absl::Status& mount_namespace);

 private:
  void PrepareDisk(const absl::Status& mount_namespace);
  void MakePrograms();
  void StartActors();
  std::string NewLink();
  void Tick();
  bool Await(absl::FunctionRef<bool()> condition, absl::Duration timeout);
  void LetLoose();
  void Settle();
  void CheckNothingIsLeft();
  void Finish();
  void Judge();
  void KeepData() const;

  const ChaosOptions options_;
  const std::string directory_;
  const std::string run_;
  const std::string data_;
  const std::string task_log_;
  Journal journal_;
  Known known_;
  const LoopbackAddress address_;
  Proxy proxy_;
  int links_ = 0;
  const TaskMaker tasks_;
  SmallDisk disk_;
  bool has_disk_ = false;
  IoControl* io_ = nullptr;

  std::unique_ptr<Program> master_;
  std::vector<std::unique_ptr<Program>> workers_;
  std::unique_ptr<ClientProcesses> client_processes_;
  std::vector<std::unique_ptr<ClientActor>> clients_;
  std::vector<std::unique_ptr<HandWorker>> hands_;
  Auditor auditor_;
  Auditor last_auditor_;
  std::vector<std::thread> client_threads_;
  std::vector<std::thread> other_threads_;
  std::unique_ptr<Soak> soak_;
  std::vector<HistoryItem> stored_;
  bool settled_ = false;
  Verdict verdict_;
};

// --- Setting up
// ----------------------------------------------------------------------------------------

void ChaosRun::PrepareDisk(const absl::Status& mount_namespace) {
  std::filesystem::create_directories(data_);
  std::filesystem::create_directories(directory_ + "/logs");
  std::ofstream(task_log_).flush();
  io_ = MakeControl(directory_ + "/io-control");
  absl::Status status = mount_namespace;
  if (status.ok()) status = disk_.Mount(data_, kDiskBytes);
  has_disk_ = status.ok();
  if (has_disk_) return;
  std::cout << "no small disk to fill up (" << status.message()
            << "); instead the master's writes are answered that there is no space\n";
}

std::string ChaosRun::NewLink() {
  ++links_;
  return proxy_.address(proxy_.AddLink());
}

void ChaosRun::MakePrograms() {
  Program::Setup master{.name = "master", .binary = BinPath("master")};
  master.arguments = {"--listen", address_.ToString(), "--data-dir",
                      data_,      "--lease",           absl::FormatDuration(options_.lease)};
  if (options_.soak) master.arguments.insert(master.arguments.end(), {"--retain", kRetain});
  master.environment = {{"LD_PRELOAD", BinPath("../lib/libtarea_io_faults.so")},
                        {kIoControlVariable, directory_ + "/io-control"},
                        {kIoDirectoryVariable, data_}};
  master.log = directory_ + "/logs/master";
  master_ = std::make_unique<Program>(journal_, std::move(master));
  for (int i = 1; i <= options_.workers; ++i) {
    Program::Setup worker{.name = absl::StrCat("w", i), .binary = BinPath("worker")};
    worker.arguments = {
        "--master",     NewLink(), "--name",          worker.name, "--exec-shell", "--slots", "4",
        "--kill-after", "300ms",   "--drain-timeout", "1s",        "--max-output", "65536"};
    worker.log = absl::StrCat(directory_, "/logs/", worker.name);
    workers_.push_back(std::make_unique<Program>(journal_, std::move(worker)));
  }
  client_processes_ =
      std::make_unique<ClientProcesses>(journal_, known_, NewLink(), options_.seed + 1);
}

void ChaosRun::StartActors() {
  for (int i = 1; i <= options_.clients; ++i) {
    clients_.push_back(std::make_unique<ClientActor>(journal_, known_, tasks_, absl::StrCat("c", i),
                                                     NewLink(), options_.seed + 100 + i));
  }
  for (int i = 1; i <= options_.hand_workers; ++i) {
    hands_.push_back(std::make_unique<HandWorker>(journal_, absl::StrCat("hand", i), NewLink(),
                                                  options_.lease, options_.seed + 200 + i));
  }
  for (const auto& client : clients_) client_threads_.emplace_back([&] { client->Run(); });
  for (const auto& hand : hands_) other_threads_.emplace_back([&] { hand->Run(); });
  other_threads_.emplace_back([&] { auditor_.Run(); });
}

// --- The storm, and after it
// -----------------------------------------------------------------------------

void ChaosRun::Tick() {
  master_->Tick();
  for (const auto& worker : workers_) worker->Tick();
  if (soak_ != nullptr) soak_->Tick();
  absl::SleepFor(kTick);
}

bool ChaosRun::Await(absl::FunctionRef<bool()> condition, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!condition()) {
    if (absl::Now() >= deadline) return false;
    Tick();
  }
  return true;
}

void ChaosRun::LetLoose() {
  Victims victims{.journal = &journal_,
                  .known = &known_,
                  .master = master_.get(),
                  .proxy = &proxy_,
                  .links = links_,
                  .disk = has_disk_ ? &disk_ : nullptr,
                  .io = io_};
  // What the last one uses is looked at in a soak.
  const size_t spared = options_.soak ? 1 : 0;
  for (size_t i = 0; i + spared < workers_.size(); ++i)
    victims.workers.push_back(workers_[i].get());
  const std::vector<Fault> schedule = MakeSchedule(options_);
  std::ofstream plan(directory_ + "/schedule.txt");
  for (const Fault& fault : schedule) plan << fault.ToString() << "\n";

  Storm storm(std::move(victims), schedule);
  const absl::Time begin = absl::Now();
  absl::Duration next_word = kTellEvery;
  for (;;) {
    const absl::Duration elapsed = absl::Now() - begin;
    if (elapsed >= options_.duration && storm.idle()) return;
    storm.Tick(elapsed);
    client_processes_->Tick();
    Tick();
    if (elapsed < next_word) continue;
    next_word += kTellEvery;
    std::cout << absl::FormatDuration(absl::Trunc(elapsed, absl::Seconds(1))) << ": "
              << known_.unfinished << " tasks wait or run, the master was started "
              << master_->starts() << " times, " << journal_.broken().size() << " violations"
              << std::endl;
  }
}

void ChaosRun::Settle() {
  for (const auto& client : clients_) client->Stop();
  for (std::thread& thread : client_threads_) thread.join();
  const absl::Time begin = absl::Now();
  if (!Await([&] { return client_processes_->Finish(); }, options_.settle)) {
    journal_.Broken("clients did not end");
  }
  settled_ = Await(
      [&] {
        const absl::StatusOr<int64_t> unfinished = last_auditor_.CountUnfinished();
        return unfinished.ok() && *unfinished == 0;
      },
      options_.settle);
  const absl::Duration took = absl::Now() - begin;
  if (settled_) {
    std::cout << "all tasks were finished " << absl::FormatDuration(took) << " after the last fault"
              << std::endl;
  } else {
    journal_.Broken(absl::StrCat("not all tasks were finished ", absl::FormatDuration(took),
                                 " after the last fault"));
  }
}

void ChaosRun::CheckNothingIsLeft() {
  // That no task is leased is known by now: none is RUNNING. ListWorkers may still say of an idle
  // worker that it holds some, namely those of a claim whose answer was lost on the way.
  std::vector<std::string> left;
  if (!Await([&] { return (left = ProcessesWith(kRunVariable, run_)).empty(); }, kPatience)) {
    journal_.Broken(absl::StrCat("processes of tasks are left: ", absl::StrJoin(left, "; ")));
  }
}

void ChaosRun::Finish() {
  // Until all is read, what ends is started again.
  const bool read = Await(
      [&] {
        absl::StatusOr<std::vector<HistoryItem>> all = last_auditor_.ReadAll();
        if (all.ok()) stored_ = *std::move(all);
        return all.ok();
      },
      kPatience);
  if (!read) journal_.Broken("the tasks cannot be read at the end");
  for (const auto& hand : hands_) hand->Stop();
  auditor_.Stop();
  for (std::thread& thread : other_threads_) thread.join();
  for (const auto& worker : workers_) worker->Finish();
  master_->Finish();
  for (const auto& worker : workers_) {
    journal_.Count("stale results of real workers", worker->CountInLog(kStaleAtWorker));
  }
}

void ChaosRun::Judge() {
  verdict_.broken = journal_.broken();
  verdict_.counts = journal_.counts();
  verdict_.counts["starts of the master"] = master_->starts();
  const absl::Status status =
      CheckHistory({directory_ + "/history.jsonl", task_log_}, stored_, options_.soak, verdict_);
  if (!status.ok()) verdict_.broken.push_back(status.ToString());
  if (soak_ != nullptr) soak_->Judge(verdict_);
  RequireEvents(options_, verdict_);
  Print(verdict_, std::cout);
}

// The small disk goes with this process.
void ChaosRun::KeepData() const {
  std::error_code error;
  std::filesystem::copy(data_, directory_ + "/data-at-the-end",
                        std::filesystem::copy_options::recursive, error);
  if (error) std::cout << "the data could not be kept: " << error.message() << "\n";
}

bool ChaosRun::Run(const absl::Status& mount_namespace) {
  PrepareDisk(mount_namespace);
  MakePrograms();
  StartActors();
  if (options_.soak) {
    const absl::Duration warm_up = options_.duration / 3;
    std::cout << "the first " << absl::FormatDuration(warm_up) << " are for warming up\n";
    soak_ = std::make_unique<Soak>(data_, *master_, *workers_.back(), directory_ + "/usage.csv",
                                   warm_up);
  }
  LetLoose();
  if (soak_ != nullptr) soak_->Stop();
  Settle();
  CheckNothingIsLeft();
  Finish();
  Judge();
  if (!verdict_.broken.empty() || !options_.keep.empty()) KeepData();
  return verdict_.broken.empty();
}

std::string Command(const ChaosOptions& options) {
  return absl::StrCat("scripts/chaos --seed ", options.seed, " --duration ",
                      absl::FormatDuration(options.duration), options.soak ? " --soak" : "");
}

}  // namespace

bool RunChaos(const ChaosOptions& options, const absl::Status& mount_namespace) {
  std::string directory = options.keep;
  if (directory.empty()) {
    std::string pattern = (std::filesystem::temp_directory_path() / "tarea-chaos-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) abort();
    directory = pattern;
  }
  std::filesystem::create_directories(directory);
  directory = std::filesystem::canonical(directory).string();
  std::cout << Command(options) << "\nhistory, logs and data: " << directory << std::endl;

  const bool good = ChaosRun(options, directory).Run(mount_namespace);
  if (!good) {
    std::cout << "history, logs and data are kept: " << directory
              << "\nto run the same again: " << Command(options) << std::endl;
  } else if (options.keep.empty()) {
    // The small disk is still mounted in it; what cannot be removed now goes with this process.
    std::error_code ignored;
    std::filesystem::remove_all(directory, ignored);
  }
  return good;
}

}  // namespace tarea
