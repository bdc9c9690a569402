#include "tests/simulation/simulated_master.h"

#include <utility>

#include "master/store/memory_store.h"

namespace tarea {

SimulatedMaster::SimulatedMaster(Scheduler* scheduler, const Options& options,
                                 std::function<void()> on_broken)
    : scheduler_(*scheduler), options_(options), on_broken_(std::move(on_broken)) {
  if (options_.store == Kind::kSqlite) {
    disk_ = std::make_unique<SimulatedDisk>(options_.seed);
  }
}

SimulatedMaster::~SimulatedMaster() = default;

absl::Status SimulatedMaster::OpenStore() {
  if (options_.store == Kind::kMemory) {
    if (store_ != nullptr) return absl::OkStatus();
    store_ = std::make_unique<FaultyStore>(std::make_unique<MemoryStore>());
  } else {
    SqliteOptions options;
    options.data_dir = options_.data_dir;
    options.durability = options_.durability;
    options.readers = 1;
    options.log_pages = 50;  // so that it is brought over often
    options.own_thread = false;
    options.skip_reserved_ids = options_.skip_reserved_ids;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
    if (!store.ok()) return store.status();
    store_ = std::make_unique<FaultyStore>(*std::move(store));
  }
  store_->before_commit = [this](int) { return BeforeCommit(); };
  store_->after_commit = [this] { return AfterCommit(); };
  store_->on_sync = [this] { return Synced(); };
  return absl::OkStatus();
}

absl::Status SimulatedMaster::Start() {
  if (const absl::Status status = OpenStore(); !status.ok()) {
    if (disk_ != nullptr) disk_->Restart();
    return status;
  }
  process_ = scheduler_.NewProcess();
  dispatcher_ = std::make_unique<Dispatcher>(store_.get(), &scheduler_, options_.dispatcher,
                                             [this](const absl::Status&) {
                                               if (!scheduler_.self_killed()) on_broken_();
                                             });
  up_ = true;
  absl::Status begun;
  bool over = false;
  scheduler_.Spawn(process_, absl::ZeroDuration(), [this, &begun, &over] {
    begun = dispatcher_->Begin();
    over = true;
  });
  while (!over) scheduler_.Sleep(absl::Milliseconds(1));
  if (!begun.ok()) {
    Crash(false);
    return begun;
  }
  scheduler_.Spawn(process_, absl::ZeroDuration(), [this] { dispatcher_->RunTimers(); });
  return absl::OkStatus();
}

void SimulatedMaster::Crash(bool power_is_lost) {
  up_ = false;
  if (disk_ != nullptr) disk_->Stop();
  scheduler_.Kill(process_);
  dispatcher_->Shutdown();
  // Its fibers go back the way they came. Nothing that they do reaches the store or a caller.
  while (scheduler_.fibers(process_) > 0) scheduler_.Sleep(absl::ZeroDuration());
  dispatcher_.reset();
  full_ = false;
  fail_next_ = false;
  if (disk_ == nullptr) return;
  refused_for_space_ += disk_->refused_for_space();
  store_.reset();
  if (power_is_lost) disk_->LosePower();
  disk_->Restart();
}

void SimulatedMaster::SetFull(bool full) {
  if (options_.disk_faults) {
    disk_->set_full(full);
  } else {
    full_ = full;
  }
}

void SimulatedMaster::FailNextCommit() { fail_next_ = true; }

// Takes its time; not OK if the process is killed meanwhile.
absl::Status SimulatedMaster::Passed(absl::Duration most) {
  // What is still done by one that was killed is not the same with each store; it draws no lots.
  if (scheduler_.self_killed()) return absl::UnavailableError("killed");
  const bool alive = scheduler_.Sleep(scheduler_.Between(absl::ZeroDuration(), most));
  return alive ? absl::OkStatus() : absl::UnavailableError("killed");
}

absl::Status SimulatedMaster::BeforeCommit() {
  if (const absl::Status status = Passed(options_.most_for_commit); !status.ok()) return status;
  if (std::exchange(fail_next_, false)) return absl::InternalError("the commit failed");
  if (!full_) return absl::OkStatus();
  ++refused_for_space_;
  return absl::ResourceExhaustedError("the disk is full");
}

absl::Status SimulatedMaster::AfterCommit() { return Passed(options_.most_for_commit); }

absl::Status SimulatedMaster::Synced() { return Passed(options_.most_for_sync); }

}  // namespace tarea
