// What a worker takes, and when it ends by itself.

#include <gmock/gmock.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "tests/integration/worker_fixture.h"

namespace tarea {
namespace {

using Stub = v1::TaskService::Stub;
using testing::HasSubstr;

class WorkerLimits : public WorkerTest {
 protected:
  int64_t SubmitMany(const std::string& queue, int count, int priority = 0) {
    v1::SubmitTasksRequest request;
    for (int i = 0; i < count; ++i) {
      v1::TaskSpec& task = *request.add_tasks();
      task.set_type("note");
      task.set_queue(queue);
      task.set_priority(priority);
    }
    return Submit(request).first_task_id();
  }

  // A handler that notes the queues of what it gets, in order.
  Handler Note() {
    return [this](const v1::LeasedTask& task, TaskContext&) -> absl::StatusOr<std::string> {
      absl::MutexLock lock(&mu_);
      order_.push_back(task.queue());
      return "";
    };
  }

  // How many of the first `count` tasks came from the queue; waits until there are so many.
  int64_t OfFirst(size_t count, const std::string& queue) {
    absl::MutexLock lock(&mu_);
    const auto enough = [&]() ABSL_SHARED_LOCKS_REQUIRED(mu_) { return order_.size() >= count; };
    mu_.Await(absl::Condition(&enough));
    return std::count(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(count), queue);
  }

  // Runs a worker to its own end.
  static absl::Status RunToEnd(const WorkerOptions& options, const std::string& type,
                               Handler handler) {
    Worker worker(options);
    worker.Handle(type, std::move(handler));
    return worker.Run();
  }

  absl::Mutex mu_;
  std::vector<std::string> order_ ABSL_GUARDED_BY(mu_);
};

TEST_F(WorkerLimits, QueuesOfWeightsThreeAndOneGetThreeQuartersAndOneQuarter) {
  SubmitMany("b", 2000, 50);  // the priorities of another queue do not count
  SubmitMany("a", 2000);
  for (const int prefetch : {0, 1000}) {
    SCOPED_TRACE(prefetch);
    {
      absl::MutexLock lock(&mu_);
      order_.clear();
    }
    WorkerOptions options = Options();
    options.queues = {"a", "b"};
    options.queue_weights = {{"a", 3}};
    options.max_prefetch = prefetch;
    options.max_tasks = 1000;
    EXPECT_TRUE(RunToEnd(options, "note", Note()).ok());
    EXPECT_NEAR(static_cast<double>(OfFirst(1000, "a")), 750, 10);
  }
}

TEST_F(WorkerLimits, AnIdleQueuesShareGoesToTheOthers) {
  SubmitMany("b", 100);
  WorkerOptions options = Options();
  options.queues = {"a", "b"};
  options.queue_weights = {{"a", 100}, {"b", 1}};
  options.max_tasks = 100;
  EXPECT_TRUE(RunToEnd(options, "note", Note()).ok());
  EXPECT_EQ(OfFirst(100, "b"), 100);
}

TEST_F(WorkerLimits, WithoutWeightsPriorityAloneDecides) {
  SubmitMany("a", 50);
  SubmitMany("b", 50, 1);
  WorkerOptions options = Options();
  options.slots = 1;
  options.queues = {"a", "b"};
  options.max_tasks = 100;
  EXPECT_TRUE(RunToEnd(options, "note", Note()).ok());
  EXPECT_EQ(OfFirst(50, "b"), 50);
}

TEST_F(WorkerLimits, EndsAfterMaxTasksAndLeavesTheRestToOthers) {
  SubmitMany("default", 100);
  WorkerOptions options = Options();
  options.max_tasks = 7;
  EXPECT_TRUE(RunToEnd(options, "note", Note()).ok());
  EXPECT_EQ(OfFirst(7, "default"), 7);
  const v1::GetStatsResponse stats = Stats();
  EXPECT_EQ(stats.counts().succeeded(), 7);
  EXPECT_EQ(stats.counts().ready(), 93);
  EXPECT_EQ(stats.workers(), 0);
}

TEST_F(WorkerLimits, FailuresCountAsProcessed) {
  SubmitMany("default", 10);
  WorkerOptions options = Options();
  options.max_tasks = 3;
  EXPECT_TRUE(RunToEnd(options, "note", [](const v1::LeasedTask&, TaskContext&) {
                return NonRetryable(absl::InternalError("no"));
              }).ok());
  EXPECT_EQ(Stats().counts().failed(), 3);
}

TEST_F(WorkerLimits, EndsWhenItWasIdleForIdleExitButNotWhileItWorks) {
  WorkerOptions options = Options();
  options.idle_exit = absl::Seconds(1);  // time enough to get the task at all
  SubmitMany("default", 1);
  std::atomic<bool> stopped = false;
  // Works for longer than that.
  EXPECT_TRUE(RunToEnd(options, "note", [&](const v1::LeasedTask&, TaskContext& context) {
                stopped = !context.SleepFor(absl::Milliseconds(1500));
                return absl::StatusOr<std::string>("");
              }).ok());
  EXPECT_FALSE(stopped);
  EXPECT_EQ(Stats().counts().succeeded(), 1);
  EXPECT_EQ(Stats().workers(), 0);
}

TEST_F(WorkerLimits, IdleExitAlsoEndsAWorkerThatReachesNoMaster) {
  WorkerOptions options = Options();
  options.idle_exit = absl::Milliseconds(50);
  master_->Shutdown();
  master_.reset();
  EXPECT_TRUE(RunToEnd(options, "note", Note()).ok());
}

TEST_F(WorkerLimits, LabelsAreListed) {
  WorkerOptions options = Options();
  options.labels = {{"zone", "a"}, {"gpu", "yes"}};
  Run(options, {{"note", Note()}});
  v1::ListWorkersResponse workers;
  while (workers.workers_size() == 0) {
    ASSERT_TRUE(Call(&Stub::ListWorkers, v1::ListWorkersRequest(), workers).ok());
  }
  EXPECT_EQ(workers.workers(0).info().labels().at("zone"), "a");
  EXPECT_EQ(workers.workers(0).info().labels().at("gpu"), "yes");
}

TEST_F(WorkerLimits, OptionsThatMakeNoSenseAreSaid) {
  const auto complaint = [this](const std::function<void(WorkerOptions&)>& spoil) {
    WorkerOptions options = Options();
    options.queues = {"a", "b", "b"};
    spoil(options);
    return std::string(RunToEnd(options, "note", Note()).message());
  };
  EXPECT_THAT(complaint([](WorkerOptions& o) { o.max_tasks = -1; }), HasSubstr("max_tasks is -1"));
  EXPECT_THAT(complaint([](WorkerOptions& o) { o.idle_exit = absl::ZeroDuration(); }),
              HasSubstr("idle_exit is 0; it must be more than zero"));
  EXPECT_THAT(complaint([](WorkerOptions& o) {
                o.queue_weights = {{"a", 101}};
              }),
              HasSubstr("the weight of queue 'a' is 101; it must be 1 to 100"));
  EXPECT_THAT(complaint([](WorkerOptions& o) {
                o.queue_weights = {{"c", 1}};
              }),
              HasSubstr("queue 'c' has a weight and is not one of the queues"));
  EXPECT_THAT(complaint([](WorkerOptions& o) {
                o.queue_weights = {{"b", 1}};
              }),
              HasSubstr("queue 'b' has a weight and is named more than once"));
}

}  // namespace
}  // namespace tarea
