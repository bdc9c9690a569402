#include "tests/simulation/world.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "tests/simulation/simulated_client.h"
#include "tests/simulation/simulated_worker.h"

namespace tarea {
namespace {

// Once the faults have stopped. Far longer than a lease and all the backoffs of a task.
constexpr absl::Duration kTimeToFinish = absl::Minutes(10);
constexpr int64_t kEventsBetweenLooks = 40;
// About so many are behind each that is written down. Those are the same with each store.
constexpr int64_t kEventsForEachRecorded = 4;

SimulatedMaster::Options MasterOptions(const WorldOptions& options) {
  SimulatedMaster::Options master;
  master.store = options.store;
  master.durability = options.durability;
  master.data_dir = options.data_dir;
  master.seed = options.seed;
  master.disk_faults = options.faults == WorldOptions::Faults::kAll &&
                       options.store == SimulatedMaster::Kind::kSqlite;
  // So that its ids are those of the memory store.
  master.skip_reserved_ids = options.faults != WorldOptions::Faults::kOutside;
  master.dispatcher.lease = absl::Seconds(2);
  return master;
}

}  // namespace

HistoryItem ItemOf(const Task& task) {
  HistoryItem item;
  item.task = task.core.id;
  item.attempt = task.core.attempt;
  item.max_attempts = task.core.max_attempts;
  item.state = task.core.state;
  item.key = task.spec.key.empty() ? "" : absl::StrCat(task.spec.queue, "/", task.spec.key);
  if (!absl::SimpleAtoi(task.spec.payload, &item.payload)) item.payload = ~uint64_t{0};
  if (!task.result.empty() && !absl::SimpleAtoi(task.result, &item.result)) {
    item.result = ~uint64_t{0};
  }
  return item;
}

World::World(const WorldOptions& options)
    : options_(options),
      master_options_(MasterOptions(options)),
      scheduler_(options.seed, options.trace),
      master_(&scheduler_, master_options_,
              [this] {
                scheduler_.Spawn(SimulatedMaster::kOutside, absl::ZeroDuration(), [this] {
                  // Whoever finds a disk that fails may well switch the machine off.
                  const bool off = master_options_.disk_faults && scheduler_.OneIn(2);
                  CrashMaster(off ? "power loss" : "master gave up", off);
                });
              }),
      network_(&scheduler_, &master_) {
  scheduler_.NewProcess();  // kOutside
  for (int i = 0; i < options_.clients; ++i) {
    clients_.push_back(std::make_unique<SimulatedClient>(this, absl::StrCat("c", i)));
  }
  for (int i = 0; i < options_.workers; ++i) {
    workers_.push_back(std::make_unique<SimulatedWorker>(this, absl::StrCat("w", i), 1 + i % 3));
  }
}

World::~World() = default;

WorldReport World::Run() {
  scheduler_.Spawn(SimulatedMaster::kOutside, absl::ZeroDuration(), [this] { Live(); });
  scheduler_.Run([this] {
    LookForIdleWorkers();
    return over_;
  });
  if (!over_) Violation("the simulation stands still");
  EndAll();
  for (std::string& violation : checker_.Finish()) {
    report_.violations.push_back(std::move(violation));
  }
  for (const auto& [what, times] : checker_.counts()) report_.counts[what] += times;
  report_.counts["refused for want of space"] += master_.refused_for_space();
  report_.events = scheduler_.events();
  report_.trace_hash = scheduler_.trace_hash();
  return std::move(report_);
}

void World::Record(HistoryEvent event) {
  ++recorded_;
  event.micros = absl::ToUnixMicros(scheduler_.Now());
  scheduler_.Trace(event.process, static_cast<int64_t>(event.op),
                   event.items.empty() ? 0 : event.items[0].task);
  scheduler_.Trace(event.detail, static_cast<int64_t>(event.phase),
                   event.items.empty() ? 0 : event.items[0].attempt);
  if (options_.trace != nullptr) {
    for (const HistoryItem& item : event.items) {
      *options_.trace << "    task " << item.task << " lease " << item.lease << " attempt "
                      << item.attempt << " of " << item.max_attempts << " state "
                      << static_cast<int>(item.state) << " outcome "
                      << static_cast<int>(item.outcome) << " status "
                      << static_cast<int>(item.status) << "\n";
    }
  }
  checker_.Add(event);
}

void World::Violation(const std::string& what) {
  report_.violations.push_back(
      absl::StrCat("at ", absl::FormatTime(scheduler_.Now(), absl::UTCTimeZone()), ": ", what));
}

void World::Fault(const std::string& what) {
  HistoryEvent event;
  event.process = "world";
  event.detail = what;
  Record(std::move(event));
}

// --- What happens
// ---------------------------------------------------------------------------------

void World::Live() {
  StartMaster();
  for (const auto& client : clients_) client->Start();
  for (const auto& worker : workers_) worker->Start();
  while (!over_ && recorded_ * kEventsForEachRecorded < options_.events) {
    scheduler_.Sleep(scheduler_.Between(absl::Milliseconds(1), absl::Milliseconds(150)));
    if (options_.faults != WorldOptions::Faults::kNone) Disturb();
  }
  while (master_changes_) scheduler_.Sleep(absl::Milliseconds(1));
  if (over_) return;
  CalmDown();
  const absl::Time end = scheduler_.Now() + kTimeToFinish;
  while (!over_ && !AllFinished()) {
    // A call to pause it may still have been under way.
    scheduler_.Spawn(master_.process(), absl::ZeroDuration(),
                     [this] { master_.dispatcher().SetPaused("b", false).IgnoreError(); });
    if (scheduler_.Now() > end) {
      Violation("ten minutes after the last fault something is not finished");
      break;
    }
    scheduler_.Sleep(absl::Milliseconds(100));
  }
  if (!over_) ReadStore();
  over_ = true;
}

void World::StartMaster() {
  master_changes_ = true;
  // The disk may also fail while it starts; it is started again then.
  const bool disk_fails = master_options_.disk_faults && !calm_ && scheduler_.OneIn(4);
  if (disk_fails && scheduler_.OneIn(2)) {
    master_.FailSync();
  } else if (disk_fails) {
    master_.FailDisk(1 + scheduler_.Below(30));
  }
  LookForForgotten();
  absl::Status status = master_.Start();
  if (!status.ok() && disk_fails) {
    Fault("start fails");
    LookForForgotten();
    status = master_.Start();
  }
  if (!status.ok()) {
    Violation(absl::StrCat("the master does not start: ", status.ToString()));
    over_ = true;
  }
  master_changes_ = false;
}

// What is gone of a disk that failed is gone as with the power.
void World::LookForForgotten() {
  if (std::exchange(forgotten_, master_.times_forgotten()) == master_.times_forgotten()) return;
  Fault("power loss of what a disk that fails had not written");
}

void World::CrashMaster(const std::string& how, bool power_is_lost) {
  if (master_changes_ || !master_.up()) return;
  master_changes_ = true;
  Fault(how);
  master_.Crash(power_is_lost);
  scheduler_.Sleep(scheduler_.Between(absl::Milliseconds(1), absl::Seconds(1)));
  StartMaster();
}

void World::Disturb() {
  if (options_.faults == WorldOptions::Faults::kPower) {
    if (scheduler_.OneIn(4)) CrashMaster("power loss", true);
    return;
  }
  const int64_t dice = scheduler_.Below(100);
  if (dice < 12) return DisturbMaster();
  if (dice < 45) return DisturbNetwork();
  if (dice < 52) {
    SimulatedClient& client = *clients_[static_cast<size_t>(scheduler_.Below(options_.clients))];
    Fault("kill client");
    client.Kill();
    client.Start();
    return;
  }
  SimulatedWorker& worker = *workers_[static_cast<size_t>(scheduler_.Below(options_.workers))];
  if (dice < 62) {
    Fault("kill worker");
    worker.Kill();
    worker.Start();
  } else if (dice < 72) {
    Fault("stop worker");
    worker.Freeze(scheduler_.Between(absl::Milliseconds(10), 3 * lease()));
  } else if (dice < 76) {
    worker.Restart();
  }
}

void World::DisturbMaster() {
  if (master_changes_ || !master_.up()) return;
  switch (scheduler_.Below(6)) {
    case 0:
      return CrashMaster("kill master", false);
    case 1:
      if (options_.faults == WorldOptions::Faults::kAll) return CrashMaster("power loss", true);
      return;
    case 2:
      Fault("stop master");
      return scheduler_.Freeze(
          master_.process(),
          scheduler_.Now() + scheduler_.Between(absl::Milliseconds(10), 2 * lease()));
    case 3:
      Fault("disk full");
      master_.SetFull(true);
      scheduler_.Sleep(scheduler_.Between(absl::Milliseconds(1), lease()));
      return master_.SetFull(false);
    case 4:
      if (master_options_.disk_faults) {
        Fault("disk fails");
        if (scheduler_.OneIn(2)) return master_.FailSync();
        return master_.FailDisk(1 + scheduler_.Below(60));
      }
      return;
    default:
      Fault("commit fails");
      return master_.FailNextCommit();
  }
}

void World::DisturbNetwork() {
  Network::Weather& weather = network_.weather;
  if (scheduler_.OneIn(3)) {
    weather = {};
    if (scheduler_.OneIn(3)) return;
    Fault("bad weather");
    weather.lost_percent = static_cast<int>(scheduler_.Below(20));
    weather.twice_percent = static_cast<int>(scheduler_.Below(20));
    if (scheduler_.OneIn(3)) weather.most = absl::Seconds(1);
    return;
  }
  const int64_t who = scheduler_.Below(options_.clients + options_.workers);
  Link& link = who < options_.clients
                   ? clients_[static_cast<size_t>(who)]->link()
                   : workers_[static_cast<size_t>(who - options_.clients)]->link();
  link.loses_calls = scheduler_.OneIn(3);
  link.loses_answers = scheduler_.OneIn(3);
  if (link.loses_calls && link.loses_answers) {
    Fault("partition");
  } else if (link.loses_calls || link.loses_answers) {
    Fault("half open");
  }
}

void World::CalmDown() {
  calm_ = true;
  network_.weather = {};
  for (const auto& client : clients_) client->link() = {};
  for (const auto& worker : workers_) worker->link() = {};
  // One that waits for its next fault meets it now.
  if (options_.faults != WorldOptions::Faults::kNone) CrashMaster("kill master", false);
  if (over_) return;
  master_.SetFull(false);
  scheduler_.Spawn(master_.process(), absl::ZeroDuration(),
                   [this] { master_.dispatcher().SetPaused("b", false).IgnoreError(); });
}

// So that no fiber is left in the middle of something.
void World::EndAll() {
  over_ = true;
  for (const auto& client : clients_) client->Kill();
  for (const auto& worker : workers_) worker->Kill();
  scheduler_.Spawn(SimulatedMaster::kOutside, absl::ZeroDuration(), [this] {
    if (master_.up()) master_.Crash(false);
  });
  scheduler_.Run([] { return false; });
}

// --- What has to hold
// -----------------------------------------------------------------------------

bool World::AllFinished() {
  for (const auto& client : clients_) {
    if (!client->idle()) return false;
  }
  const absl::StatusOr<std::vector<Queue>> queues = master_.dispatcher().store().ListQueues();
  if (!queues.ok()) return false;
  for (const Queue& queue : *queues) {
    if (queue.counts.Unfinished() > 0) return false;
  }
  return true;
}

// At a moment at which nothing is under way in the master: nobody waits for a task that is there.
void World::LookForIdleWorkers() {
  if (scheduler_.events() - events_looked_at_ < kEventsBetweenLooks) return;
  if (master_changes_ || !master_.AllWait()) return;
  events_looked_at_ = scheduler_.events();
  if (master_.dispatcher().parked_polls() == 0) return;
  TaskQuery query;
  query.queue = "a";  // all take from this one, and nobody pauses it
  query.states = {TaskState::kReady};
  const absl::StatusOr<TaskPage> page = master_.dispatcher().store().ListTasks(query);
  if (!page.ok()) return;
  for (const Task& task : page->tasks) {
    if (task.core.start_by <= scheduler_.Now()) continue;  // it is too late for it
    Violation(absl::StrCat("task ", task.core.id, " is ready and ",
                           master_.dispatcher().parked_polls(), " polls wait for one"));
  }
}

void World::ReadStore() {
  TaskQuery query;
  do {
    const absl::StatusOr<TaskPage> page = master_.dispatcher().store().ListTasks(query);
    if (!page.ok()) {
      return Violation(absl::StrCat("cannot read the store: ", page.status().ToString()));
    }
    query.after = page->next;
    for (const Task& listed : page->tasks) {
      const absl::StatusOr<Task> task = master_.dispatcher().store().GetTask(listed.core.id);
      if (!task.ok()) {
        return Violation(absl::StrCat("cannot read a task: ", task.status().ToString()));
      }
      checker_.AddStored(ItemOf(*task));
    }
  } while (query.after != 0);
}

}  // namespace tarea
