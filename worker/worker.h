#ifndef TAREA_WORKER_WORKER_H_
#define TAREA_WORKER_WORKER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "worker/handler.h"
#include "worker/middleware.h"

namespace tarea {

constexpr int kMaxQueueWeight = 100;

struct WorkerOptions {
  // "host:port" each, at least one. A master that cannot be reached is followed by the next.
  std::vector<std::string> masters = {"127.0.0.1:50051"};

  // For people, in lists and logs; need not be unique. Empty: the machine's name and the process
  // id.
  std::string name = {};

  // How many tasks are worked on at once, each on a thread of its own. 1 to 4096; 0: one per core.
  int slots = 0;

  // Where tasks are taken from. At most 64; none means the queue "default".
  std::vector<std::string> queues = {};

  // How much of the work comes from each queue while all have tasks: of weights 3 and 1, three
  // quarters and one quarter. By name, of `queues`; 1 to 100. A queue that is not named here weighs
  // 1. What an idle queue does not take goes to the others. None: strictly by the tasks' priorities
  // and times, whatever their queue.
  std::map<std::string, int> queue_weights = {};

  // Shown where workers are listed. At most 16; names 1 to 64 of [A-Za-z0-9._/-], values up to 256
  // bytes of UTF-8.
  std::map<std::string, std::string> labels = {};

  // Which of the types with a handler are taken. None means all of them.
  std::vector<std::string> types = {};

  // Most tasks to fetch ahead of the free slots; how many it really is follows from what tasks take
  // (prefetch.h). Not negative; 0 fetches none.
  int max_prefetch = 1000;

  // Drains by itself after so many tasks were processed, whatever became of them; never takes more
  // than are left. Not negative; 0: no limit.
  int64_t max_tasks = 0;

  // Drains by itself after it has held nothing for so long, also if that is because no master can
  // be reached. More than zero; InfiniteDuration: never.
  absl::Duration idle_exit = absl::InfiniteDuration();

  // How long running tasks may go on once the worker drains. Those that are not done by then are
  // given back.
  absl::Duration drain_timeout = absl::Seconds(30);

  // How long a task that was told to stop because the worker ends may take for it.
  absl::Duration stop_timeout = absl::Seconds(10);

  // Of MakeCredentials. By default no TLS and no identity.
  Credentials credentials = {};

  // Measures what tasks take and when attempts time out. Must outlive the worker; null: the
  // machine's own.
  Clock* clock = nullptr;
};

// Takes tasks from a master, has handlers process them, and reports the results.
//
//     Worker worker({.masters = {"127.0.0.1:50051"}, .slots = 4});
//     worker.Handle("resize", Resize);
//     absl::Status status = worker.Run();
//
// While a handler works, the task's lease is renewed, so that a task may take much longer than a
// lease. What is held when the process dies comes back when its lease runs out, its attempt
// counted. Run, Drain and LogStatus may be called from different threads; nothing else is
// thread-safe.
class Worker {
 public:
  explicit Worker(WorkerOptions options);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Has tasks of this type processed by `handler`; replaces an earlier one. Before Run.
  void Handle(const std::string& type, Handler handler);

  // Goes around the handlers of all types, also of those that are registered later; the first that
  // is added is the outermost. Before Run.
  void Use(Middleware middleware);

  // Works until Drain is called, or max_tasks or idle_exit is reached, and until then tries for as
  // long as it takes to reach a master.
  // Call it once.
  //   OK                   drained: everything was finished or given back
  //   DEADLINE_EXCEEDED    drained, but handlers that did not stop within stop_timeout still run,
  //                        or the master could not be told of all results; the process should end
  //   INVALID_ARGUMENT     options that make no sense; also as the master's answer
  //   other                the master refuses this worker for good
  absl::Status Run();

  // Stops taking tasks, gives back those that wait, and lets those that run finish within
  // drain_timeout. A second call gives back at once what runs. Returns at once; may be called
  // before Run.
  void Drain();

  // Writes a few lines at level info: what runs, for how long and how far it is, what waits, what
  // was done since Run, and which master it is connected to.
  void LogStatus();

 private:
  class Impl;
  // Shared with the threads of handlers that do not stop.
  const std::shared_ptr<Impl> impl_;
};

}  // namespace tarea

#endif  // TAREA_WORKER_WORKER_H_
