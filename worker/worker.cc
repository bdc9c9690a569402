#include "worker/worker.h"

#include <spdlog/spdlog.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "common/connection.h"
#include "common/convert.h"
#include "common/ids.h"
#include "common/logging.h"
#include "common/version.h"
#include "worker/fair_share.h"
#include "worker/heartbeat.h"
#include "worker/held_tasks.h"
#include "worker/poller.h"
#include "worker/prefetch.h"
#include "worker/result_sender.h"
#include "worker/status_report.h"

namespace tarea {
namespace {

constexpr int kMaxSlots = 4096;
// The live count of a drain says something at most so often.
constexpr absl::Duration kCountPause = absl::Seconds(1);

int SlotsOf(const WorkerOptions& options) {
  if (options.slots != 0) return options.slots;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

v1::WorkerInfo InfoOf(const WorkerOptions& options) {
  v1::WorkerInfo info;
  info.set_host(HostName());
  info.set_pid(getpid());
  info.set_name(options.name.empty() ? absl::StrCat(info.host(), "-", info.pid()) : options.name);
  // Unique to this run; begins with what people know if that can be part of an id.
  const std::string unique = RandomId().substr(0, 16);
  info.set_id(IsName(info.name(), 100, "._:/@-") ? absl::StrCat(info.name(), "-", unique) : unique);
  info.set_version(std::string(Version()));
  info.set_slots(SlotsOf(options));
  info.mutable_labels()->insert(options.labels.begin(), options.labels.end());
  return info;
}

ConnectionOptions Masters(const WorkerOptions& options) {
  ConnectionOptions masters;
  masters.masters = options.masters;
  masters.retry_time = absl::InfiniteDuration();
  masters.credentials = options.credentials;
  masters.clock = options.clock;
  return masters;
}

// None unless the queues are weighed.
std::vector<QueueWeight> WeightsOf(const WorkerOptions& options) {
  std::vector<QueueWeight> weights;
  if (options.queue_weights.empty()) return weights;
  for (const std::string& queue : options.queues) {
    const auto weight = options.queue_weights.find(queue);
    weights.push_back({queue, weight == options.queue_weights.end() ? 1 : weight->second});
  }
  return weights;
}

// "a, b", or "a (3), b (1)" with weights.
std::string QueuesOf(const WorkerOptions& options) {
  if (options.queues.empty()) return "default";
  if (options.queue_weights.empty()) return absl::StrJoin(options.queues, ", ");
  return absl::StrJoin(WeightsOf(options), ", ", [](std::string* out, const QueueWeight& queue) {
    absl::StrAppend(out, queue.queue, " (", queue.weight, ")");
  });
}

const char* Name(v1::ResultOutcome outcome) {
  switch (outcome) {
    case v1::RESULT_OUTCOME_SUCCEEDED:
      return "succeeded";
    case v1::RESULT_OUTCOME_TIMED_OUT:
      return "timed out";
    case v1::RESULT_OUTCOME_CANCELLED:
      return "cancelled";
    case v1::RESULT_OUTCOME_RELEASED:
      return "given back";
    default:
      return "failed";
  }
}

}  // namespace

// The parts and the threads that run them. A handler that does not stop keeps it alive.
class Worker::Impl : public std::enable_shared_from_this<Worker::Impl> {
 public:
  explicit Impl(WorkerOptions options)
      : options_(std::move(options)),
        slots_(SlotsOf(options_)),
        info_(InfoOf(options_)),
        own_clock_(options_.clock == nullptr ? std::make_unique<MonotonicClock>() : nullptr),
        clock_(options_.clock == nullptr ? own_clock_.get() : options_.clock),
        prefetch_(slots_, options_.max_prefetch),
        held_(slots_, clock_, &prefetch_,
              {.max_tasks = options_.max_tasks, .idle_exit = options_.idle_exit}),
        sender_(Masters(options_), info_, &held_),
        heartbeat_(Masters(options_), info_, &held_, &sender_) {}

  void Handle(const std::string& type, Handler handler) { handlers_[type] = std::move(handler); }
  void Use(Middleware middleware) { middleware_.push_back(std::move(middleware)); }
  absl::Status Run();
  void Drain() ABSL_LOCKS_EXCLUDED(mu_);
  void LogStatus() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Status Check() const;
  absl::Status CheckQueues() const;
  v1::RequestTaskRequest PollRequest() const;
  void RunSlot();
  void Work(HeldTask& held);
  void RunTimer();
  // Waits, at most drain_timeout, until nothing runs, and counts down meanwhile; true if nothing
  // does.
  bool CountDown();
  void GiveBack(const HeldTasks::Tasks& tasks, absl::string_view why);
  absl::Status Finish(std::vector<std::thread>& slots);

  const WorkerOptions options_;
  const int slots_;
  const v1::WorkerInfo info_;
  const std::unique_ptr<Clock> own_clock_;
  Clock* const clock_;
  std::map<std::string, Handler> handlers_;
  std::vector<Middleware> middleware_;
  Prefetch prefetch_;
  HeldTasks held_;
  ResultSender sender_;
  Heartbeat heartbeat_;

  absl::Mutex mu_;
  // Drain was called, or the poller has ended by itself.
  bool ending_ ABSL_GUARDED_BY(mu_) = false;
  // While Run runs.
  Poller* poller_ ABSL_GUARDED_BY(mu_) = nullptr;
  absl::Time started_at_ ABSL_GUARDED_BY(mu_) = absl::InfiniteFuture();
};

absl::Status Worker::Impl::Check() const {
  if (options_.masters.empty()) return absl::InvalidArgumentError("there is no master to ask");
  if (slots_ < 1 || slots_ > kMaxSlots) {
    return absl::InvalidArgumentError(
        absl::StrCat("slots is ", slots_, "; it must be 1 to ", kMaxSlots));
  }
  if (options_.max_prefetch < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_prefetch is ", options_.max_prefetch, "; it must not be negative"));
  }
  if (options_.max_tasks < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_tasks is ", options_.max_tasks, "; it must not be negative"));
  }
  if (options_.idle_exit <= absl::ZeroDuration()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "idle_exit is ", absl::FormatDuration(options_.idle_exit), "; it must be more than zero"));
  }
  if (absl::Status status = CheckQueues(); !status.ok()) return status;
  if (handlers_.empty()) {
    return absl::InvalidArgumentError("there is no handler; call Handle before Run");
  }
  if (absl::Status status = CheckUtf8(PollRequest()); !status.ok()) return status;
  for (const std::string& type : options_.types) {
    if (handlers_.contains(type)) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("there is no handler for type '", type, "'; there are handlers for ",
                     absl::StrJoin(handlers_, ", ", [](std::string* out, const auto& entry) {
                       absl::StrAppend(out, entry.first);
                     })));
  }
  return absl::OkStatus();
}

absl::Status Worker::Impl::CheckQueues() const {
  for (const auto& [queue, weight] : options_.queue_weights) {
    if (weight < 1 || weight > kMaxQueueWeight) {
      return absl::InvalidArgumentError(absl::StrCat("the weight of queue '", Printable(queue),
                                                     "' is ", weight, "; it must be 1 to ",
                                                     kMaxQueueWeight));
    }
    const auto named = std::count(options_.queues.begin(), options_.queues.end(), queue);
    if (named == 1) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("queue '", Printable(queue), "' has a weight and is ",
                     named == 0 ? "not one of the queues" : "named more than once"));
  }
  return absl::OkStatus();
}

v1::RequestTaskRequest Worker::Impl::PollRequest() const {
  v1::RequestTaskRequest request;
  *request.mutable_worker() = info_;
  for (const std::string& queue : options_.queues) request.add_queues(queue);
  for (const std::string& type : options_.types) request.add_types(type);
  if (options_.types.empty()) {
    for (const auto& [type, handler] : handlers_) request.add_types(type);
  }
  return request;
}

absl::Status Worker::Impl::Run() {
  if (absl::Status status = Check(); !status.ok()) return status;
  const v1::RequestTaskRequest request = PollRequest();
  for (auto& [type, handler] : handlers_) handler = WithMiddleware(middleware_, std::move(handler));
  spdlog::info("worker '{}': {}; takes {} from {} {} of the master at {}", Printable(info_.name()),
               CountOf(slots_, "slot"), absl::StrJoin(request.types(), ", "),
               options_.queues.size() > 1 ? "queues" : "queue", QueuesOf(options_),
               absl::StrJoin(options_.masters, ", "));
  Poller poller(Masters(options_), request, WeightsOf(options_), &held_);
  {
    absl::MutexLock lock(&mu_);
    poller_ = &poller;
    started_at_ = clock_->Now();
  }
  absl::Status polled;
  std::thread poll([&] {
    polled = poller.Run();
    absl::MutexLock lock(&mu_);
    ending_ = true;
  });
  std::thread send([this] { sender_.Run(); });
  std::thread beat([this] { heartbeat_.Run(); });
  std::thread timer([this] { RunTimer(); });
  std::vector<std::thread> slots;
  for (int i = 0; i < slots_; ++i) {
    slots.emplace_back([self = shared_from_this()] { self->RunSlot(); });
  }
  {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(&ending_));
  }
  if (held_.Exhausted()) {
    spdlog::info("{} processed, as many as it was to take: draining",
                 CountOf(options_.max_tasks, "task"));
  }
  poller.Stop();
  poll.join();
  absl::Status finished = Finish(slots);
  sender_.Stop();
  heartbeat_.Stop();
  send.join();
  beat.join();
  timer.join();
  heartbeat_.Goodbye();
  absl::MutexLock lock(&mu_);
  poller_ = nullptr;
  return polled.ok() ? finished : polled;
}

void Worker::Impl::Drain() {
  bool again = false;
  {
    absl::MutexLock lock(&mu_);
    again = std::exchange(ending_, true);
  }
  if (again) held_.Hurry();
}

void Worker::Impl::LogStatus() {
  StatusReport report;
  report.slots = slots_;
  report.held = held_.Look();
  report.totals = sender_.totals();
  {
    absl::MutexLock lock(&mu_);
    if (poller_ != nullptr) report.connected_to = poller_->connected_to();
    report.up = std::max(absl::ZeroDuration(), clock_->Now() - started_at_);
  }
  for (const std::string& line : report.Lines()) spdlog::info("status: {}", line);
}

// --- Work
// ----------------------------------------------------------------------------------------------

void Worker::Impl::RunSlot() {
  while (const std::shared_ptr<HeldTask> held = held_.Next()) Work(*held);
}

void Worker::Impl::Work(HeldTask& held) {
  const auto level = held.log_each() ? spdlog::level::info : spdlog::level::debug;
  if (spdlog::should_log(level)) spdlog::log(level, "{}: started", held.Name());
  const absl::Time begin = clock_->Now();
  absl::StatusOr<std::string> returned = handlers_.at(held.task().type())(held.task(), held);
  const absl::Duration took = clock_->Now() - begin;
  // Settled before it counts as ended: whoever waits for that may rely on its result being on the
  // way.
  if (held.Settle()) {
    v1::TaskResult result = held.MakeResult(std::move(returned));
    const bool good = result.outcome() == v1::RESULT_OUTCOME_SUCCEEDED;
    // The texts of a line that is not written would cost more than a quick task.
    if (const auto told = good ? level : spdlog::level::info; spdlog::should_log(told)) {
      spdlog::log(told, "{}: {} in {}{}{}", held.Name(), Name(result.outcome()),
                  absl::FormatDuration(took), result.error().message().empty() ? "" : ": ",
                  Printable(result.error().message(), 512));
    }
    // Without a lease only work that is done is of use: the master takes it if nobody else has the
    // task by now.
    if (good || held.stop_cause() != StopCause::kLost) {
      sender_.Add(std::move(result));
    } else {
      held_.Forget(held.lease_id());
    }
  }
  held_.Ran(held, took);
}

void Worker::Impl::RunTimer() {
  while (true) {
    const HeldTasks::Overdue overdue = held_.AwaitOverdue();
    if (overdue.timed_out.empty() && overdue.stale.empty() && !overdue.idle) return;
    if (overdue.idle) {
      spdlog::info("nothing to do for {}: draining", absl::FormatDuration(options_.idle_exit));
      absl::MutexLock lock(&mu_);
      ending_ = true;
    }
    for (const std::shared_ptr<HeldTask>& held : overdue.timed_out) {
      if (held->Stop(StopCause::kTimedOut)) spdlog::info("{}: time is up", held->Name());
    }
    GiveBack(overdue.stale, "fetched ahead, but the slots are busy");
  }
}

void Worker::Impl::GiveBack(const HeldTasks::Tasks& tasks, absl::string_view why) {
  if (tasks.empty()) return;
  spdlog::info("giving back {}: {}", CountOf(static_cast<int64_t>(tasks.size()), "task"),
               std::string(why));
  for (const std::shared_ptr<HeldTask>& held : tasks) sender_.Add(held->MakeRelease());
}

// --- End
// -----------------------------------------------------------------------------------------------

bool Worker::Impl::CountDown() {
  const absl::Time end = clock_->Now() + options_.drain_timeout;
  int running = held_.AwaitRunning(0, absl::ZeroDuration());
  if (running > 0) {
    spdlog::info("draining: waiting up to {} for {} to finish",
                 absl::FormatDuration(options_.drain_timeout), CountOf(running, "task"));
  }
  while (running > 0 && !held_.hurried() && clock_->Now() < end) {
    const int before = running;
    held_.AwaitRunning(0, std::min(kCountPause, end - clock_->Now()));
    running = held_.AwaitRunning(before - 1, end - clock_->Now());
    if (running < before && running > 0) {
      spdlog::info("draining: {}",
                   running == 1 ? "1 task runs" : absl::StrCat(running, " tasks run"));
    }
  }
  return running == 0;
}

absl::Status Worker::Impl::Finish(std::vector<std::thread>& slots) {
  GiveBack(held_.TakeWaiting(), "the worker ends");
  const absl::Time begin = clock_->Now();
  bool idle = CountDown();
  if (!idle) {
    for (const std::shared_ptr<HeldTask>& held : held_.Running()) held->Stop(StopCause::kDraining);
    idle = held_.AwaitStopped(options_.stop_timeout);
  }
  HeldTasks::Tasks stuck;
  for (std::shared_ptr<HeldTask>& held : held_.Running()) {
    if (held->Settle()) stuck.push_back(std::move(held));
  }
  GiveBack(stuck, "their handlers do not stop");
  const absl::Duration left =
      std::max(options_.stop_timeout, options_.drain_timeout - (clock_->Now() - begin));
  bool told = held_.AwaitNothingHeld(std::min(kCountPause, left));
  if (!told) {
    spdlog::info("draining: {} not yet sent", CountOf(held_.Look().unsent, "result"));
    told = held_.AwaitNothingHeld(left - kCountPause);
  }
  held_.Close();
  for (std::thread& slot : slots) {
    if (idle) {
      slot.join();
    } else {
      slot.detach();
    }
  }
  if (!stuck.empty()) {
    return absl::DeadlineExceededError(absl::StrCat(
        CountOf(static_cast<int64_t>(stuck.size()), "handler"), " did not stop within ",
        absl::FormatDuration(options_.stop_timeout), "; their tasks were given back"));
  }
  if (!told) {
    return absl::DeadlineExceededError(
        "the master could not be told of all results; these tasks run again when their leases are "
        "over");
  }
  spdlog::info("drained: {}", sender_.totals().ToString());
  return absl::OkStatus();
}

Worker::Worker(WorkerOptions options) : impl_(std::make_shared<Impl>(std::move(options))) {}

Worker::~Worker() = default;

void Worker::Handle(const std::string& type, Handler handler) {
  impl_->Handle(type, std::move(handler));
}

void Worker::Use(Middleware middleware) { impl_->Use(std::move(middleware)); }

absl::Status Worker::Run() { return impl_->Run(); }

void Worker::Drain() { impl_->Drain(); }

void Worker::LogStatus() { impl_->LogStatus(); }

}  // namespace tarea
