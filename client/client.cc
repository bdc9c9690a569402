#include "client/client.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/batch_writer.h"
#include "common/connection.h"
#include "common/convert.h"
#include "common/ids.h"
#include "common/status_grpc.h"

namespace tarea {
namespace {

// CancelTasks and RetryTasks take this many ids.
constexpr int kMaxIdsPerCall = 10'000;

// A stream on which nothing happens looks the same whether the batch rests or the master is gone;
// so it is ended after this time, and the master asked for a sign of life.
constexpr absl::Duration kStreamTime = absl::Seconds(30);
// A stream of output is left alone for longer: what is written between two of them may be lost, and
// a master that has gone without a word is noticed by its connection.
constexpr absl::Duration kTaskStreamTime = absl::Minutes(10);

// Calls `send` with `request` in pieces of at most kMaxIdsPerCall ids, at least once.
template <typename Request>
absl::Status InPieces(const Request& request,
                      absl::FunctionRef<absl::Status(const Request& piece)> send) {
  Request piece = request;
  int next = 0;
  do {
    const int end = std::min(next + kMaxIdsPerCall, request.task_ids_size());
    piece.mutable_task_ids()->Assign(request.task_ids().begin() + next,
                                     request.task_ids().begin() + end);
    if (absl::Status status = send(piece); !status.ok()) return status;
    next = end;
  } while (next < request.task_ids_size());
  return absl::OkStatus();
}

// One call that takes `request` and answers a Response.
template <typename Response, typename Request>
absl::StatusOr<Response> Unary(Connection& connection,
                               grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                               const Request& request) {
  if (absl::Status status = CheckUtf8(request); !status.ok()) return status;
  Response response;
  const absl::Status status = connection.Call([&](Stub& stub, grpc::ClientContext& context) {
    return (stub.*method)(&context, request, &response);
  });
  if (!status.ok()) return status;
  return response;
}

struct StreamTimes {
  absl::Duration stream;  // longest time that one stream may stay open
  absl::Duration max;     // for all of them
  absl::Duration probe;   // for a call that looks whether the master is there
};

template <typename Response>
using Opened = std::unique_ptr<grpc::ClientReaderInterface<Response>>;

// Reads a stream to its end; one that breaks is opened again. `open` asks for what comes after the
// last message; `probe` is any call. An error of `on_news` ends it and is returned.
template <typename Response>
absl::Status ReadStream(Connection& connection, const StreamTimes& times, absl::string_view what,
                        absl::FunctionRef<Opened<Response>(Stub&, grpc::ClientContext&)> open,
                        absl::FunctionRef<absl::Status(const Response&)> on_news,
                        absl::FunctionRef<grpc::Status(Stub&, grpc::ClientContext&)> probe) {
  Clock& clock = connection.clock();
  const absl::Time give_up = clock.Now() + times.max;
  Outage outage(connection);
  for (;;) {
    absl::Status stop;
    bool heard = false;
    const auto read = [&](Stub& stub, grpc::ClientContext& context) {
      const auto stream = open(stub, context);
      Response news;
      while (stop.ok() && stream->Read(&news)) {
        heard = true;
        outage.Over();
        stop = on_news(news);
      }
      if (!stop.ok()) context.TryCancel();
      return stream->Finish();
    };
    const absl::Duration time =
        std::min(times.stream, std::max(give_up - clock.Now(), absl::ZeroDuration()));
    absl::Status status = connection.Attempt(time, read);
    if (!stop.ok()) return stop;
    if (status.ok()) return status;
    if (clock.Now() >= give_up) {
      return absl::DeadlineExceededError(
          absl::StrCat(what, " was not finished within ", absl::FormatDuration(times.max)));
    }
    if (absl::IsDeadlineExceeded(status)) {
      status = heard ? absl::OkStatus() : connection.Attempt(times.probe, probe);
    }
    if (status.ok()) {
      outage.Over();
    } else if (absl::Status end = outage.WaitToRetry(status); !end.ok()) {
      return end;
    }
  }
}

}  // namespace

Client::Client(ClientOptions options)
    : options_(std::move(options)),
      connection_(
          std::make_unique<Connection>(ConnectionOptions{.masters = options_.masters,
                                                         .call_timeout = options_.call_timeout,
                                                         .retry_time = options_.retry_time,
                                                         .credentials = options_.credentials,
                                                         .clock = options_.clock})) {}

Client::~Client() = default;

absl::StatusOr<Submission> Client::Submit(absl::string_view batch_name,
                                          std::vector<v1::TaskSpec> tasks) {
  BatchWriter writer(*this, std::string(batch_name), static_cast<int64_t>(tasks.size()));
  for (v1::TaskSpec& task : tasks) {
    if (!writer.Add(std::move(task)).ok()) break;  // Close returns the error
  }
  return writer.Close();
}

absl::Status Client::Watch(int64_t batch_id, const WatchOptions& options,
                           absl::FunctionRef<absl::Status(const v1::WatchBatchResponse&)> on_news) {
  v1::WatchBatchRequest request;
  request.set_batch_id(batch_id);
  request.set_cursor(options.cursor);
  request.set_with_result(options.with_result);
  const StreamTimes times{.stream = std::min(kStreamTime, options_.retry_time / 2),
                          .max = options.max_time,
                          .probe = std::min(options_.call_timeout, options_.retry_time / 2)};
  return ReadStream<v1::WatchBatchResponse>(
      *connection_, times, absl::StrCat("batch ", batch_id),
      [&](Stub& stub, grpc::ClientContext& context) { return stub.WatchBatch(&context, request); },
      [&](const v1::WatchBatchResponse& news) {
        absl::Status status = on_news(news);
        request.set_cursor(news.cursor());
        return status;
      },
      [&](Stub& stub, grpc::ClientContext& context) {
        v1::GetBatchRequest probe;
        probe.set_batch_id(batch_id);
        v1::GetBatchResponse response;
        return stub.GetBatch(&context, probe, &response);
      });
}

absl::Status Client::WatchTask(
    int64_t task_id, const WatchTaskOptions& options,
    absl::FunctionRef<absl::Status(const v1::WatchTaskResponse&)> on_news) {
  v1::WatchTaskRequest request;
  request.set_task_id(task_id);
  const StreamTimes times{.stream = kTaskStreamTime,
                          .max = options.max_time,
                          .probe = std::min(options_.call_timeout, options_.retry_time / 2)};
  return ReadStream<v1::WatchTaskResponse>(
      *connection_, times, absl::StrCat("task ", task_id),
      [&](Stub& stub, grpc::ClientContext& context) { return stub.WatchTask(&context, request); },
      [&](const v1::WatchTaskResponse& news) {
        if (news.run_id() != request.run_id()) {
          request.set_run_id(news.run_id());
          request.set_stdout_offset(0);
          request.set_stderr_offset(0);
        }
        for (const v1::OutputChunk& chunk : news.output()) {
          const int64_t end = chunk.offset() + static_cast<int64_t>(chunk.data().size());
          if (chunk.stream() == v1::OUTPUT_STREAM_STDOUT) request.set_stdout_offset(end);
          if (chunk.stream() == v1::OUTPUT_STREAM_STDERR) request.set_stderr_offset(end);
        }
        return on_news(news);
      },
      [&](Stub& stub, grpc::ClientContext& context) {
        v1::GetTaskRequest probe;
        probe.set_task_id(task_id);
        v1::GetTaskResponse response;
        return stub.GetTask(&context, probe, &response);
      });
}

absl::StatusOr<v1::Task> Client::Get(int64_t task_id) {
  v1::GetTaskRequest request;
  request.set_task_id(task_id);
  auto response = Unary(*connection_, &Stub::GetTask, request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_task());
}

absl::Status Client::List(v1::ListTasksRequest request,
                          absl::FunctionRef<bool(const v1::Task&)> on_task) {
  do {
    const auto response = Unary(*connection_, &Stub::ListTasks, request);
    if (!response.ok()) return response.status();
    for (const v1::Task& task : response->tasks()) {
      if (!on_task(task)) return absl::OkStatus();
    }
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<v1::Batch> Client::GetBatch(int64_t batch_id) {
  v1::GetBatchRequest request;
  request.set_batch_id(batch_id);
  auto response = Unary(*connection_, &Stub::GetBatch, request);
  if (!response.ok()) return response.status();
  return std::move(*response->mutable_batch());
}

absl::Status Client::CloseBatch(int64_t batch_id) {
  v1::SubmitTasksRequest request;
  request.set_request_id(RandomId());
  request.set_batch_id(batch_id);
  const absl::Status status = Unary(*connection_, &Stub::SubmitTasks, request).status();
  return absl::IsFailedPrecondition(status) ? absl::OkStatus() : status;
}

absl::Status Client::ListBatches(absl::FunctionRef<bool(const v1::Batch&)> on_batch) {
  v1::ListBatchesRequest request;
  do {
    const auto response = Unary(*connection_, &Stub::ListBatches, request);
    if (!response.ok()) return response.status();
    for (const v1::Batch& batch : response->batches()) {
      if (!on_batch(batch)) return absl::OkStatus();
    }
    request.set_page_token(response->next_page_token());
  } while (!request.page_token().empty());
  return absl::OkStatus();
}

absl::StatusOr<v1::CancelTasksResponse> Client::Cancel(const v1::CancelTasksRequest& request) {
  v1::CancelTasksResponse sum;
  const absl::Status status =
      InPieces<v1::CancelTasksRequest>(request, [&](const v1::CancelTasksRequest& piece) {
        const auto response = Unary(*connection_, &Stub::CancelTasks, piece);
        if (!response.ok()) return response.status();
        sum.set_cancelled(sum.cancelled() + response->cancelled());
        sum.set_stopping(sum.stopping() + response->stopping());
        sum.set_finished(sum.finished() + response->finished());
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return sum;
}

absl::StatusOr<v1::RetryTasksResponse> Client::Retry(const v1::RetryTasksRequest& request) {
  v1::RetryTasksResponse sum;
  const absl::Status status =
      InPieces<v1::RetryTasksRequest>(request, [&](const v1::RetryTasksRequest& piece) {
        const auto response = Unary(*connection_, &Stub::RetryTasks, piece);
        if (!response.ok()) return response.status();
        sum.set_retried(sum.retried() + response->retried());
        sum.set_skipped(sum.skipped() + response->skipped());
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return sum;
}

absl::StatusOr<v1::GetStatsResponse> Client::Stats() {
  return Unary(*connection_, &Stub::GetStats, v1::GetStatsRequest());
}

absl::StatusOr<v1::ListQueuesResponse> Client::Queues() {
  return Unary(*connection_, &Stub::ListQueues, v1::ListQueuesRequest());
}

absl::Status Client::PauseQueue(absl::string_view queue) {
  v1::PauseQueueRequest request;
  request.set_queue(std::string(queue));
  return Unary(*connection_, &Stub::PauseQueue, request).status();
}

absl::Status Client::ResumeQueue(absl::string_view queue) {
  v1::ResumeQueueRequest request;
  request.set_queue(std::string(queue));
  return Unary(*connection_, &Stub::ResumeQueue, request).status();
}

absl::StatusOr<v1::ListWorkersResponse> Client::Workers() {
  return Unary(*connection_, &Stub::ListWorkers, v1::ListWorkersRequest());
}

void Client::Interrupt() { connection_->Interrupt(); }

}  // namespace tarea
