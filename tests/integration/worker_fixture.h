#ifndef TAREA_TESTS_INTEGRATION_WORKER_FIXTURE_H_
#define TAREA_TESTS_INTEGRATION_WORKER_FIXTURE_H_

#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "tests/integration/master_fixture.h"
#include "worker/worker.h"

namespace tarea {

// Workers of the library and a master, in one process.
class WorkerTest : public MasterFixture {
 protected:
  ~WorkerTest() override { StopWorkers(); }

  WorkerOptions Options() {
    WorkerOptions options;
    options.masters = {absl::StrCat("127.0.0.1:", master_->port())};
    options.slots = 2;
    return options;
  }

  // Runs a worker with these handlers on a thread.
  Worker& Run(WorkerOptions options, const std::map<std::string, Handler>& handlers) {
    auto worker = std::make_unique<Worker>(std::move(options));
    for (const auto& [type, handler] : handlers) worker->Handle(type, handler);
    workers_.push_back(std::move(worker));
    threads_.emplace_back([&worker = *workers_.back()] { EXPECT_TRUE(worker.Run().ok()); });
    return *workers_.back();
  }
  Worker& Run(const std::string& type, Handler handler) {
    return Run(Options(), {{type, std::move(handler)}});
  }

  // Twice: at once.
  void StopWorkers() {
    for (auto& worker : workers_) {
      worker->Drain();
      worker->Drain();
    }
    for (std::thread& thread : threads_) thread.join();
    threads_.clear();
    workers_.clear();
  }

  v1::Task Await(int64_t id, v1::TaskState state) {
    v1::Task task = Get(id);
    while (task.state() != state) {
      std::this_thread::yield();
      task = Get(id);
    }
    return task;
  }

  int64_t SubmitOne(v1::TaskSpec task) {
    v1::SubmitTasksRequest request;
    *request.add_tasks() = std::move(task);
    return Submit(request).first_task_id();
  }

  void Cancel(int64_t id) {
    v1::CancelTasksRequest cancel;
    cancel.add_task_ids(id);
    v1::CancelTasksResponse response;
    EXPECT_TRUE(Call(&v1::TaskService::Stub::CancelTasks, cancel, response).ok());
  }

  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<std::thread> threads_;
};

inline v1::TaskSpec OfType(const std::string& type) {
  v1::TaskSpec task;
  task.set_type(type);
  return task;
}

// Sleeps until it is told to stop.
inline absl::StatusOr<std::string> Forever(const v1::LeasedTask&, TaskContext& context) {
  while (context.SleepFor(absl::Hours(1))) {
  }
  return absl::CancelledError("told to stop");
}

}  // namespace tarea

#endif  // TAREA_TESTS_INTEGRATION_WORKER_FIXTURE_H_
