#include <grpcpp/grpcpp.h>

#include <functional>
#include <string>
#include <thread>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/floors.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"
#include "client/batch_writer.h"
#include "common/convert.h"
#include "common/status_grpc.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {
namespace {

constexpr int kTasks = 2000;
constexpr int kWarmUp = 200;
constexpr absl::Duration kLongest = absl::Seconds(30);

// How many tasks are known to be done, for one thread that tells and one that waits. Thread-safe.
class DoneCount {
 public:
  void Add(int64_t tasks) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    done_ += tasks;
  }

  // False if there are not so many within kLongest.
  bool AwaitAtLeast(int64_t tasks) ABSL_LOCKS_EXCLUDED(mu_) {
    const auto reached = [this, tasks]()
                             ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return done_ >= tasks; };
    absl::MutexLock lock(&mu_);
    return mu_.AwaitWithTimeout(absl::Condition(&reached), kLongest);
  }

 private:
  absl::Mutex mu_;
  int64_t done_ ABSL_GUARDED_BY(mu_) = 0;
};

// Times of kTasks calls of `round_trip`.
absl::StatusOr<Samples> Measure(const std::function<absl::Status()>& round_trip) {
  Samples samples;
  for (int i = -kWarmUp; i < kTasks; ++i) {
    const Stopwatch watch;
    if (absl::Status status = round_trip(); !status.ok()) return status;
    if (i >= 0) samples.Add(watch.Elapsed());
  }
  return samples;
}

// Submits to a batch that stays open and is watched: the submitter hears of each task when it is
// done.
absl::StatusOr<Samples> MeasureSubmitter(Setup& setup) {
  BatchWriter writer(setup.client(), "");
  if (absl::Status status = writer.Add(MakeTasks(1, "noop").front()); !status.ok()) return status;
  if (absl::Status status = writer.Flush(); !status.ok()) return status;
  DoneCount done;
  absl::Status watched;
  std::thread watcher([&] {
    watched = setup.client().Watch(writer.submission().batch_id, {},
                                   [&](const v1::WatchBatchResponse& news) {
                                     done.Add(news.tasks_size());
                                     return absl::OkStatus();
                                   });
  });
  int64_t expected = 1;
  absl::StatusOr<Samples> samples =
      done.AwaitAtLeast(expected) ? Measure([&]() -> absl::Status {
        absl::Status status = writer.Add(MakeTasks(1, "noop").front());
        if (status.ok()) status = writer.Flush();
        if (status.ok() && !done.AwaitAtLeast(++expected)) {
          status = absl::DeadlineExceededError("a task does not get done");
        }
        return status;
      })
                                  : absl::DeadlineExceededError("the first task does not get done");
  const absl::StatusOr<Submission> closed = writer.Close();
  watcher.join();
  if (samples.ok() && !closed.ok()) return closed.status();
  if (samples.ok() && !watched.ok()) return watched;
  return samples;
}

// A worker that makes its calls one after the other on one thread, as little as a worker can do.
// Tells when the master has answered that a result is recorded.
absl::Status RunBareWorker(const std::string& address, int64_t tasks, DoneCount& done) {
  const std::unique_ptr<v1::TaskService::Stub> stub =
      v1::TaskService::NewStub(grpc::CreateChannel(address, grpc::InsecureChannelCredentials()));
  v1::RequestTaskRequest request;
  request.mutable_worker()->set_id("bare");
  request.add_types("bare");
  request.set_max_tasks(1);
  *request.mutable_wait() = ToProto(kLongest);
  while (tasks > 0) {
    grpc::ClientContext poll;
    v1::RequestTaskResponse work;
    const grpc::Status polled = stub->RequestTask(&poll, request, &work);
    if (!polled.ok()) return FromGrpc(polled);
    if (work.tasks().empty()) return absl::DeadlineExceededError("no task comes");
    v1::SubmitResultRequest results;
    *results.mutable_worker() = request.worker();
    v1::TaskResult& result = *results.add_results();
    result.set_task_id(work.tasks(0).task_id());
    result.set_lease_id(work.tasks(0).lease_id());
    result.set_outcome(v1::RESULT_OUTCOME_SUCCEEDED);
    grpc::ClientContext report;
    v1::SubmitResultResponse recorded;
    const grpc::Status reported = stub->SubmitResult(&report, results, &recorded);
    if (!reported.ok()) return FromGrpc(reported);
    if (recorded.statuses_size() != 1 || recorded.statuses(0) != v1::RESULT_STATUS_RECORDED) {
      return absl::InternalError(
          absl::StrCat("a result was not recorded: ", recorded.ShortDebugString()));
    }
    done.Add(1);
    --tasks;
  }
  return absl::OkStatus();
}

// Until the worker knows that the result is recorded.
absl::StatusOr<Samples> MeasureWorker(Setup& setup) {
  DoneCount done;
  absl::Status worked;
  std::thread worker([&] { worked = RunBareWorker(setup.address(), kTasks + kWarmUp, done); });
  int64_t expected = 0;
  absl::StatusOr<Samples> samples = Measure([&]() -> absl::Status {
    const absl::StatusOr<Submission> batch = setup.client().Submit("", MakeTasks(1, "bare"));
    if (!batch.ok()) return batch.status();
    return done.AwaitAtLeast(++expected) ? absl::OkStatus()
                                         : absl::DeadlineExceededError("a task does not get done");
  });
  worker.join();
  if (samples.ok() && !worked.ok()) return worked;
  return samples;
}

// Two calls, each with a sync: as little as a durable round trip can be.
struct Floor {
  Samples echoes;
  Samples syncs;

  absl::Duration RoundTrip() const {
    return 2 * echoes.Percentile(0.5) + 2 * syncs.Percentile(0.5);
  }
};

absl::Status MeasureFloor(const EchoServer& echo, const std::string& directory, Floor& floor) {
  const absl::StatusOr<Samples> echoes = EchoLatency(echo.address(), kTasks);
  if (!echoes.ok()) return echoes.status();
  const absl::StatusOr<Samples> syncs = SyncLatency(directory, kTasks);
  if (!syncs.ok()) return syncs.status();
  floor.echoes.Add(*echoes);
  floor.syncs.Add(*syncs);
  return absl::OkStatus();
}

void Tell(const std::string& who, const Samples& samples, const Floor& floor, Findings& findings) {
  const absl::Duration p50 = samples.Percentile(0.5);
  const absl::Duration p99 = samples.Percentile(0.99);
  findings.Add(absl::StrCat(who, " knows, p50"), absl::ToDoubleMilliseconds(p50), "ms");
  findings.Add(absl::StrCat(who, " knows, p99"), absl::ToDoubleMilliseconds(p99), "ms");
  findings.Add(absl::StrCat(who, " knows, p50 / floor"), absl::FDivDuration(p50, floor.RoundTrip()),
               "x", AtMost(1.3));
  findings.Add(absl::StrCat(who, " knows, p99 / floor"), absl::FDivDuration(p99, floor.RoundTrip()),
               "x", AtMost(2.6));
}

}  // namespace

absl::Status RunLatency(const ScenarioOptions& /*options*/, Findings& findings) {
  EchoServer echo;
  if (absl::Status status = echo.AwaitStart(); !status.ok()) return status;
  Setup setup;
  if (absl::Status status = setup.StartMaster(); !status.ok()) return status;
  if (absl::Status status = setup.StartWorkers(1); !status.ok()) return status;
  const std::string directory = setup.data_dir();

  Floor floor;
  findings.Say("echoes and syncs");
  if (absl::Status status = MeasureFloor(echo, directory, floor); !status.ok()) return status;
  findings.Say(absl::StrCat(kTasks, " round trips until the worker knows"));
  const absl::StatusOr<Samples> worker = MeasureWorker(setup);
  if (!worker.ok()) return worker.status();
  findings.Say(absl::StrCat(kTasks, " round trips until the submitter knows"));
  const absl::StatusOr<Samples> submitter = MeasureSubmitter(setup);
  if (!submitter.ok()) return submitter.status();
  findings.Say("echoes and syncs once more");
  if (absl::Status status = MeasureFloor(echo, directory, floor); !status.ok()) return status;

  findings.Add("bare echo, p50", absl::ToDoubleMicroseconds(floor.echoes.Percentile(0.5)), "us");
  findings.Add("fdatasync of 4 KiB, p50", absl::ToDoubleMicroseconds(floor.syncs.Percentile(0.5)),
               "us");
  findings.Add("floor: 2 echoes + 2 fdatasyncs", absl::ToDoubleMilliseconds(floor.RoundTrip()),
               "ms");
  Tell("worker", *worker, floor, findings);
  Tell("submitter", *submitter, floor, findings);
  return absl::OkStatus();
}

}  // namespace tarea
