#include <grpcpp/grpcpp.h>
#include <signal.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/measure.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"
#include "client/batch_writer.h"
#include "common/convert.h"
#include "common/status_grpc.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {
namespace {

constexpr int64_t kFew = 10'000;
// What is drained in one turn: the workers never run dry, with few tasks either.
constexpr int64_t kTurn = 8'000;
// The first turn only tells the workers how fast tasks are.
constexpr int kTurns = 11;
constexpr int64_t kMaxBatch = 1'000'000;
constexpr char kQueue[] = "default";

// A master with tasks waiting, whose queue is paused except during a turn. Not thread-safe.
class Backlog {
 public:
  explicit Backlog(const std::string& master) : setup_(master, {.max_call_tasks = 10'000}) {}

  absl::Status Start() {
    if (absl::Status status = setup_.StartMaster(); !status.ok()) return status;
    if (absl::Status status = setup_.client().PauseQueue(kQueue); !status.ok()) return status;
    return setup_.StartWorkers(4);
  }

  // Submits until `target` tasks wait.
  absl::Status FillTo(int64_t target);

  // Has the workers drain kTurn tasks and a few more.
  absl::Status Turn();

  // Counts and times the turns from here on.
  void BeginToCount() {
    drained_ = 0;
    time_ = absl::ZeroDuration();
  }
  double DrainRate() const { return PerSecond(static_cast<double>(drained_), time_); }

  Setup& setup() { return setup_; }

 private:
  absl::StatusOr<v1::Counts> Counts();

  Setup setup_;
  int64_t drained_ = 0;
  absl::Duration time_;
};

absl::StatusOr<v1::Counts> Backlog::Counts() {
  absl::StatusOr<v1::GetStatsResponse> stats = setup_.client().Stats();
  if (!stats.ok()) return stats.status();
  return stats->counts();
}

absl::Status Backlog::FillTo(int64_t target) {
  const absl::StatusOr<v1::Counts> counts = Counts();
  if (!counts.ok()) return counts.status();
  const v1::TaskSpec task = MakeTasks(1, "noop").front();
  for (int64_t missing = target - counts->ready(); missing > 0; missing -= kMaxBatch) {
    BatchWriter writer(setup_.client(), "");
    for (int64_t i = std::min(missing, kMaxBatch); i > 0; --i) {
      if (absl::Status status = writer.Add(task); !status.ok()) return status;
    }
    if (absl::Status status = writer.Close().status(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status Backlog::Turn() {
  absl::StatusOr<v1::Counts> counts = Counts();
  if (!counts.ok()) return counts.status();
  const int64_t before = counts->succeeded();
  const Stopwatch watch;
  if (absl::Status status = setup_.client().ResumeQueue(kQueue); !status.ok()) return status;
  absl::Status status = AwaitDone(kTurn, [&]() -> absl::StatusOr<int64_t> {
    counts = Counts();
    if (!counts.ok()) return counts.status();
    return counts->succeeded() - before;
  });
  if (!status.ok()) return status;
  time_ += watch.Elapsed();
  drained_ += counts->succeeded() - before;
  status = setup_.client().PauseQueue(kQueue);
  if (!status.ok()) return status;
  return Await("the workers to rest", [&]() -> absl::StatusOr<bool> {
    counts = Counts();
    if (!counts.ok()) return counts.status();
    return counts->running() == 0;
  });
}

// Until a worker of the master at `address` has a task.
absl::Status AwaitDispatch(const std::string& address) {
  const std::unique_ptr<v1::TaskService::Stub> stub =
      v1::TaskService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("first");
  request.set_max_tasks(1);
  *request.mutable_wait() = ToProto(absl::Seconds(60));
  grpc::ClientContext context;
  context.set_wait_for_ready(true);
  v1::RequestTaskResponse work;
  const grpc::Status status = stub->RequestTask(&context, request, &work);
  if (!status.ok()) return FromGrpc(status);
  return work.tasks().empty() ? absl::DeadlineExceededError("no task comes after a restart")
                              : absl::OkStatus();
}

// Ends the master with this signal while the backlog is being drained, and starts it again. How
// long it takes from then until a worker has a task.
absl::StatusOr<absl::Duration> MeasureRestart(Setup& setup, int signal) {
  if (absl::Status status = setup.client().ResumeQueue(kQueue); !status.ok()) return status;
  absl::SleepFor(absl::Milliseconds(300));
  if (absl::Status status = setup.StopMaster(signal); !status.ok()) return status;
  setup.KillWorkers();
  const Stopwatch watch;
  if (absl::Status status = setup.StartMaster(); !status.ok()) return status;
  if (absl::Status status = AwaitDispatch(setup.address()); !status.ok()) return status;
  const absl::Duration time = watch.Elapsed();
  if (absl::Status status = setup.client().PauseQueue(kQueue); !status.ok()) return status;
  return time;
}

absl::Status TakeTurns(Backlog& few, Backlog& many, const Findings& findings) {
  findings.Say(absl::StrCat("draining some of it, by turns with ", WithCommas(kFew), " waiting"));
  for (int i = 0; i < kTurns; ++i) {
    if (i == 1) {
      few.BeginToCount();
      many.BeginToCount();
    }
    if (absl::Status status = few.FillTo(kFew); !status.ok()) return status;
    if (absl::Status status = few.Turn(); !status.ok()) return status;
    if (absl::Status status = many.Turn(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status MeasureRestarts(Backlog& many, Findings& findings) {
  findings.Say("killing the master");
  const absl::StatusOr<absl::Duration> killed = MeasureRestart(many.setup(), SIGKILL);
  if (!killed.ok()) return killed.status();
  if (absl::Status status = many.setup().StartWorkers(4); !status.ok()) return status;
  findings.Say("ending the master");
  const absl::StatusOr<absl::Duration> ended = MeasureRestart(many.setup(), SIGTERM);
  if (!ended.ok()) return ended.status();
  findings.Add("kill -9, restart to first dispatch", absl::ToDoubleSeconds(*killed), "s",
               AtMost(2));
  findings.Add("SIGTERM, restart to first dispatch", absl::ToDoubleSeconds(*ended), "s", AtMost(2));
  return absl::OkStatus();
}

}  // namespace

absl::Status RunBacklog(const ScenarioOptions& options, Findings& findings) {
  Backlog few(options.master);
  if (absl::Status status = few.Start(); !status.ok()) return status;
  Backlog many(options.master);
  if (absl::Status status = many.Start(); !status.ok()) return status;
  const std::string count = WithCommas(options.backlog);
  findings.Say(absl::StrCat("submitting ", count, " tasks"));
  const Stopwatch submit;
  if (absl::Status status = many.FillTo(options.backlog); !status.ok()) return status;
  const double submitted = PerSecond(static_cast<double>(options.backlog), submit.Elapsed());
  int64_t resident = ResidentBytes(many.setup().master().pid());
  if (absl::Status status = TakeTurns(few, many, findings); !status.ok()) return status;
  resident = std::max(resident, ResidentBytes(many.setup().master().pid()));

  findings.Add("submit, " + count, submitted, "/s");
  findings.Add("drain, " + WithCommas(kFew) + " waiting", few.DrainRate(), "/s");
  findings.Add("drain, " + count + " waiting", many.DrainRate(), "/s");
  findings.Add("drain, " + count + " / " + WithCommas(kFew), many.DrainRate() / few.DrainRate(),
               "x", AtLeast(0.9));
  findings.Add("master's memory, " + count + " waiting", static_cast<double>(resident) / 1e6, "MB",
               AtMost(300));
  return MeasureRestarts(many, findings);
}

}  // namespace tarea
