#ifndef TAREA_CLIENT_CLIENT_H_
#define TAREA_CLIENT_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/task_ids.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "proto/tasks.pb.h"

namespace tarea {

class BatchWriter;
class Connection;

struct ClientOptions {
  // "host:port" each, at least one. A master that cannot be reached is followed by the next.
  std::vector<std::string> masters = {"127.0.0.1:50051"};

  // Longest time of one attempt at a call. More than zero.
  absl::Duration call_timeout = absl::Seconds(10);

  // How long a call is tried again while the master cannot be reached or does not answer, counted
  // from the last sign of life. More than zero.
  absl::Duration retry_time = absl::Seconds(30);

  // Of MakeCredentials. By default no TLS and no identity.
  Credentials credentials = {};

  // Decides when retry_time is over. Must outlive the client; null: the machine's own.
  Clock* clock = nullptr;

  // What goes into one SubmitTasks call at most. A task that is larger goes alone.
  int64_t max_call_bytes = 3 << 20;
  int64_t max_call_tasks = 100'000;
};

struct WatchOptions {
  // The last cursor received; 0 begins at the first result.
  int64_t cursor = 0;
  bool with_result = false;
  // Gives up after this time even while the master answers.
  absl::Duration max_time = absl::InfiniteDuration();
};

struct WatchTaskOptions {
  // Gives up after this time even while the master answers.
  absl::Duration max_time = absl::InfiniteDuration();
};

// Submits tasks to a master and tells what became of them.
//
//     Client client({.masters = {"127.0.0.1:50051"}});
//     v1::TaskSpec task;
//     task.set_type("echo");
//     task.set_payload("hello");
//     absl::StatusOr<Submission> batch = client.Submit("greetings", {task});
//     if (!batch.ok()) return batch.status();
//     return client.Watch(batch->batch_id, {.with_result = true},
//                         [](const v1::WatchBatchResponse& news) {
//                           for (const v1::Task& done : news.tasks()) std::cout << done.result();
//                           return absl::OkStatus();
//                         });
//
// Thread-safe. Nothing connects before the first call. Every call blocks and has a deadline; one
// whose outcome is not known (IsTransient) is sent again, unchanged, with growing pauses and by
// turns to each master, until ClientOptions::retry_time is over. Then it ends
//   UNAVAILABLE        no master could be reached; the message names them and the last reason;
//   DEADLINE_EXCEEDED  no master answered in time.
// CANCELLED means that Interrupt was called. Any other error is the master's own answer and final:
// see proto/tasks.proto for what each call may be refused with.
class Client {
 public:
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // Stores `tasks` as one batch. OK means that all of them are durable, exactly once even if calls
  // had to be repeated. What does not fit one call goes in several, and depends_on_index may point
  // to any earlier position all the same. All or nothing if it fits one call; otherwise an error
  // names the batch and how many tasks it holds, and the batch is closed with these.
  // INVALID_ARGUMENT also if a task is too large for a message; names its position and size.
  absl::StatusOr<Submission> Submit(absl::string_view batch_name, std::vector<v1::TaskSpec> tasks);

  // Calls `on_news` for each message about the batch, in order, in this thread, until every task of
  // the batch is finished: then OK. Streams that break, also because the master restarts, are
  // continued after the last message: `on_news` sees no result twice and misses none. An error that
  // it returns ends the watch and is returned. DEADLINE_EXCEEDED if max_time is over.
  absl::Status Watch(int64_t batch_id, const WatchOptions& options,
                     absl::FunctionRef<absl::Status(const v1::WatchBatchResponse&)> on_news);

  // The same for one task and what it writes while it runs. Calls `on_news` until the task is
  // finished, which is what the last message says. Within a run (WatchTaskResponse.run_id) no byte
  // comes twice, also if streams break; bytes that nobody keeps any more are missing, which offsets
  // tell. NOT_FOUND.
  absl::Status WatchTask(int64_t task_id, const WatchTaskOptions& options,
                         absl::FunctionRef<absl::Status(const v1::WatchTaskResponse&)> on_news);

  // The task with payload, result and attempts. NOT_FOUND.
  absl::StatusOr<v1::Task> Get(int64_t task_id);

  // Calls `on_task` for each task that matches, page after page, until it returns false. `request`
  // says what to list; its page_token is where to begin.
  absl::Status List(v1::ListTasksRequest request, absl::FunctionRef<bool(const v1::Task&)> on_task);

  // NOT_FOUND.
  absl::StatusOr<v1::Batch> GetBatch(int64_t batch_id);

  // Closes a batch that whoever submitted it left open, so that it can finish. Nothing if it is
  // closed. NOT_FOUND.
  absl::Status CloseBatch(int64_t batch_id);

  // Calls `on_batch` for each batch, newest first, until it returns false.
  absl::Status ListBatches(absl::FunctionRef<bool(const v1::Batch&)> on_batch);

  // Any number of ids: more than 10,000 go in several calls, and an error then leaves the tasks of
  // the calls before it changed.
  absl::StatusOr<v1::CancelTasksResponse> Cancel(const v1::CancelTasksRequest& request);
  absl::StatusOr<v1::RetryTasksResponse> Retry(const v1::RetryTasksRequest& request);

  absl::StatusOr<v1::GetStatsResponse> Stats();
  absl::StatusOr<v1::ListQueuesResponse> Queues();
  absl::Status PauseQueue(absl::string_view queue);
  absl::Status ResumeQueue(absl::string_view queue);
  absl::StatusOr<v1::ListWorkersResponse> Workers();

  // Ends all calls, running and to come, with CANCELLED, within milliseconds. Whether the master
  // carried out one that was running is not known.
  void Interrupt();

 private:
  friend class BatchWriter;

  const ClientOptions options_;
  const std::unique_ptr<Connection> connection_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_CLIENT_H_
