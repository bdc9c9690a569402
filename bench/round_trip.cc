#include "bench/round_trip.h"

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "client/batch_writer.h"
#include "common/convert.h"
#include "common/status_grpc.h"
#include "proto/tasks.grpc.pb.h"

namespace tarea {
namespace {

constexpr int kWarmUp = 50;
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

// Times of `times` calls of `round_trip`, after some that only warm up.
absl::StatusOr<Samples> Measure(int times, absl::FunctionRef<absl::Status()> round_trip) {
  Samples samples;
  for (int i = -kWarmUp; i < times; ++i) {
    const Stopwatch watch;
    if (absl::Status status = round_trip(); !status.ok()) return status;
    if (i >= 0) samples.Add(watch.Elapsed());
  }
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

}  // namespace

absl::StatusOr<Samples> RoundTripsToWorker(Setup& setup, int tasks) {
  DoneCount done;
  absl::Status worked;
  std::thread worker([&] { worked = RunBareWorker(setup.address(), tasks + kWarmUp, done); });
  int64_t expected = 0;
  absl::StatusOr<Samples> samples = Measure(tasks, [&]() -> absl::Status {
    const absl::StatusOr<Submission> batch = setup.client().Submit("", MakeTasks(1, "bare"));
    if (!batch.ok()) return batch.status();
    return done.AwaitAtLeast(++expected) ? absl::OkStatus()
                                         : absl::DeadlineExceededError("a task does not get done");
  });
  worker.join();
  if (samples.ok() && !worked.ok()) return worked;
  return samples;
}

absl::StatusOr<Samples> RoundTripsToSubmitter(Setup& setup, int tasks) {
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
      done.AwaitAtLeast(expected)
          ? Measure(tasks,
                    [&]() -> absl::Status {
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

}  // namespace tarea
