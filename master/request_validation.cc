#include "master/request_validation.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/convert.h"
#include "common/ids.h"
#include "common/logging.h"
#include "master/content_hash.h"
#include "master/request_checks.h"
#include "master/task_spec_validation.h"

namespace tarea {
namespace {

absl::Status ParseShares(const v1::RequestTaskRequest& request, ClaimRequest& claim) {
  absl::Status status = CheckCount(request.shares_size(), kMaxQueues, "shares");
  for (int i = 0; status.ok() && i < request.shares_size(); ++i) {
    const v1::QueueShare& share = request.shares(i);
    if (std::find(claim.queues.begin(), claim.queues.end(), share.queue()) == claim.queues.end()) {
      return Invalid("shares[", i, "].queue is '", Printable(share.queue()),
                     "'; it must be one of queues");
    }
    if (share.tasks() < 0) {
      return Invalid("shares[", i, "].tasks is ", share.tasks(), "; it must not be negative");
    }
    claim.shares.push_back({share.queue(), share.tasks()});
  }
  return status;
}

// At most `max_bytes` of a text, not ending in the middle of a character: strings of the contract
// are UTF-8.
std::string Cut(const std::string& text, int64_t max_bytes) {
  if (static_cast<int64_t>(text.size()) <= max_bytes) return text;
  size_t end = static_cast<size_t>(max_bytes);
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) end--;
  return absl::StrCat(text.substr(0, end), " [cut]");
}

absl::Status ParseError(const v1::TaskError& proto, const Field& field, const Limits& limits,
                        TaskError& error) {
  if (proto.code() < 0 || proto.code() > 16) {
    return Invalid(field, ".code is ", proto.code(),
                   "; it must be 0 to 16, a number of google.rpc.Code");
  }
  error.code = proto.code();
  error.message = Cut(proto.message(), limits.max_error);
  return absl::OkStatus();
}

absl::Status ParseResult(const v1::TaskResult& proto, const Field& field, const Limits& limits,
                         TaskResult& result) {
  if (proto.outcome() == v1::RESULT_OUTCOME_UNSPECIFIED ||
      !v1::ResultOutcome_IsValid(proto.outcome())) {
    return Invalid(field, ".outcome is ", static_cast<int>(proto.outcome()),
                   ", which is not a value of ResultOutcome to send");
  }
  if (proto.task_id() < 1) {
    return Invalid(field, ".task_id is ", proto.task_id(), "; ids are 1 or greater");
  }
  if (static_cast<int64_t>(proto.result().size()) > limits.max_result) {
    return Invalid(field, ".result is ", proto.result().size(), " bytes; the limit is ",
                   limits.max_result, " (--max-result)");
  }
  result.task_id = proto.task_id();
  result.lease_id = static_cast<LeaseId>(proto.lease_id());
  result.outcome = static_cast<ResultOutcome>(proto.outcome());
  if (result.outcome != ResultOutcome::kReleased) result.result = proto.result();
  result.non_retryable = proto.non_retryable();
  if (result.outcome == ResultOutcome::kFailed && !proto.has_error()) {
    return Invalid(field, ".error is missing; it is required with RESULT_OUTCOME_FAILED");
  }
  return ParseError(proto.error(), field.Member("error"), limits, result.error);
}

absl::StatusOr<int> ParsePageSize(int page_size) {
  if (page_size == 0) return kDefaultPage;
  if (page_size < 0 || page_size > kMaxPage) {
    return Invalid("page_size is ", page_size, "; it must be 1 to ", kMaxPage);
  }
  return page_size;
}

// Ties a page token to what was asked: everything but the token and the size of a page.
std::string QueryTag(v1::ListTasksRequest request) {
  request.clear_page_token();
  request.clear_page_size();
  return absl::BytesToHexString(ContentHash(request).substr(0, 8));
}

absl::Status BadToken(const std::string& token) {
  return Invalid("page_token is '", Printable(token),
                 "'; it must be the next_page_token of an answer to the same question");
}

}  // namespace

absl::StatusOr<InsertRequest> ParseSubmitTasks(const v1::SubmitTasksRequest& request,
                                               const Limits& limits) {
  if (request.tasks_size() > limits.max_tasks_per_call) {
    return Invalid("tasks has ", request.tasks_size(), " entries; the limit of one call is ",
                   limits.max_tasks_per_call,
                   " (--max-tasks-per-call); send more with keep_open and batch_id");
  }
  absl::Status status = CheckText(request.request_id(), "request_id", kMaxNameBytes);
  if (status.ok()) status = CheckText(request.batch_name(), "batch_name", kMaxTextBytes);
  if (!status.ok()) return status;
  if (request.batch_id() < 0) return CheckId(request.batch_id(), "batch_id");
  if (request.total_tasks() < 0) {
    return Invalid("total_tasks is ", request.total_tasks(), "; it must be 0 or greater");
  }
  InsertRequest insert;
  insert.request_id = request.request_id();
  if (!insert.request_id.empty()) insert.content_hash = ContentHash(request);
  insert.batch_name = request.batch_name();
  insert.batch_id = request.batch_id();
  insert.keep_open = request.keep_open();
  insert.total_tasks = request.total_tasks();
  insert.tasks.resize(request.tasks_size());
  for (int i = 0; i < request.tasks_size(); ++i) {
    status = ParseTaskSpec(request.tasks(i), Field("tasks", i), limits, insert.tasks[i]);
    if (!status.ok()) return status;
  }
  return insert;
}

absl::StatusOr<WorkerIdentity> ParseWorker(const v1::WorkerInfo& info, const std::string& peer) {
  if (!IsName(info.id(), kMaxNameBytes, "._:/@-")) {
    return Invalid("worker.id is '", Printable(info.id()), "'; it must be 1 to ", kMaxNameBytes,
                   " letters, digits or one of . _ : / @ -");
  }
  absl::Status status = CheckText(info.name(), "worker.name", kMaxNameBytes);
  if (status.ok()) status = CheckText(info.host(), "worker.host", kMaxTextBytes);
  if (status.ok()) status = CheckText(info.version(), "worker.version", kMaxNameBytes);
  WorkerIdentity worker{.id = info.id(),
                        .name = info.name(),
                        .host = info.host(),
                        .pid = info.pid(),
                        .version = info.version(),
                        .slots = info.slots(),
                        .peer = peer,
                        .owner = {},
                        .labels = {}};
  if (status.ok()) status = ParseLabels(info.labels(), "worker.labels", worker.labels);
  if (!status.ok()) return status;
  return worker;
}

absl::StatusOr<ClaimRequest> ParseRequestTask(const v1::RequestTaskRequest& request,
                                              const Limits& limits) {
  absl::Status status = CheckCount(request.queues_size(), kMaxQueues, "queues");
  if (status.ok()) status = CheckCount(request.types_size(), kMaxTypes, "types");
  for (int i = 0; status.ok() && i < request.queues_size(); ++i) {
    status = CheckName(request.queues(i), Field("queues", i));
  }
  for (int i = 0; status.ok() && i < request.types_size(); ++i) {
    status = CheckName(request.types(i), Field("types", i));
  }
  if (!status.ok()) return status;
  ClaimRequest claim;
  claim.worker = request.worker().id();
  claim.queues.assign(request.queues().begin(), request.queues().end());
  if (claim.queues.empty()) claim.queues.push_back(TaskSpec().queue);
  claim.types.assign(request.types().begin(), request.types().end());
  if (status = ParseShares(request, claim); !status.ok()) return status;
  if (request.max_tasks() < 0) {
    return Invalid("max_tasks is ", request.max_tasks(), "; it must not be negative");
  }
  claim.max_tasks = std::clamp(request.max_tasks(), 1, limits.max_claim);
  claim.max_bytes = limits.max_claim_bytes;
  return claim;
}

absl::StatusOr<std::vector<TaskResult>> ParseResults(const v1::SubmitResultRequest& request,
                                                     const Limits& limits) {
  absl::Status status = CheckCount(request.results_size(), kMaxResults, "results");
  if (!status.ok()) return status;
  std::vector<TaskResult> results(request.results_size());
  for (int i = 0; i < request.results_size(); ++i) {
    status = ParseResult(request.results(i), Field("results", i), limits, results[i]);
    if (!status.ok()) return status;
    results[i].worker = request.worker().id();
  }
  return results;
}

namespace {

absl::Status CheckOffset(int64_t offset, const Field& field) {
  if (offset >= 0 && offset <= kMaxOutputOffset) return absl::OkStatus();
  return Invalid(field, " is ", offset, "; it must be 0 to ", kMaxOutputOffset);
}

absl::StatusOr<TaskOutput> ParseOutput(const v1::TaskOutput& proto, const Field& field) {
  TaskOutput output;
  output.sizes[OutputStream::kStdout] = proto.stdout_size();
  output.sizes[OutputStream::kStderr] = proto.stderr_size();
  absl::Status status = CheckOffset(proto.stdout_size(), field.Member("stdout_size"));
  status.Update(CheckOffset(proto.stderr_size(), field.Member("stderr_size")));
  for (const v1::OutputChunk& chunk : proto.chunks()) {
    if (chunk.stream() != v1::OUTPUT_STREAM_STDOUT && chunk.stream() != v1::OUTPUT_STREAM_STDERR) {
      return Invalid(field, ".chunks has stream ", chunk.stream(), ", which there is not");
    }
    status.Update(CheckOffset(chunk.offset(), field.Member("chunks.offset")));
    output.chunks.push_back(FromProto(chunk));
  }
  if (!status.ok()) return status;
  return output;
}

}  // namespace

absl::StatusOr<std::vector<std::pair<Lease, TaskOutput>>> ParseOutputs(
    const v1::SubmitResultRequest& request) {
  std::vector<std::pair<Lease, TaskOutput>> outputs;
  for (const v1::TaskResult& result : request.results()) {
    if (!result.has_output()) continue;
    absl::StatusOr<TaskOutput> output = ParseOutput(result.output(), "results.output");
    if (!output.ok()) return output.status();
    outputs.emplace_back(
        Lease{result.task_id(), static_cast<LeaseId>(result.lease_id()), request.worker().id()},
        *std::move(output));
  }
  return outputs;
}

absl::StatusOr<OutputOffsets> ParseWatchTask(const v1::WatchTaskRequest& request) {
  absl::Status status = CheckId(request.task_id(), "task_id");
  status.Update(CheckOffset(request.stdout_offset(), "stdout_offset"));
  status.Update(CheckOffset(request.stderr_offset(), "stderr_offset"));
  if (!status.ok()) return status;
  OutputOffsets offsets;
  offsets[OutputStream::kStdout] = request.stdout_offset();
  offsets[OutputStream::kStderr] = request.stderr_offset();
  return offsets;
}

absl::StatusOr<std::vector<HeldLease>> ParseHeld(const v1::HeartbeatRequest& request) {
  if (const absl::Status status = CheckCount(request.held_size(), kMaxHeld, "held"); !status.ok()) {
    return status;
  }
  std::vector<HeldLease> held;
  held.reserve(request.held_size());
  for (const v1::HeldTask& proto : request.held()) {
    HeldLease& task = held.emplace_back();
    task.lease = {proto.task_id(), static_cast<LeaseId>(proto.lease_id()), request.worker().id()};
    task.stopping = proto.stopping();
    if (proto.has_output()) {
      absl::StatusOr<TaskOutput> output = ParseOutput(proto.output(), "held.output");
      if (!output.ok()) return output.status();
      task.output = *std::move(output);
    }
    if (!proto.has_progress()) continue;
    const double fraction = proto.progress().fraction();
    task.progress = TaskProgress{std::isfinite(fraction) ? std::clamp(fraction, 0.0, 1.0) : 0.0,
                                 Cut(proto.progress().message(), kMaxReasonBytes)};
  }
  return held;
}

absl::StatusOr<absl::Duration> ParseWait(const google::protobuf::Duration& wait) {
  absl::Duration value;
  const absl::Status status =
      ParseDurationField(wait, "wait", absl::ZeroDuration(), absl::InfiniteDuration(), value);
  if (!status.ok()) return status;
  return value;
}

absl::StatusOr<TaskQuery> ParseListTasks(const v1::ListTasksRequest& request) {
  TaskQuery query;
  const v1::TaskFilter& filter = request.filter();
  if (filter.batch_id() < 0) return CheckId(filter.batch_id(), "filter.batch_id");
  query.batch_id = filter.batch_id();
  query.queue = filter.queue();
  query.type = filter.type();
  for (const int state : filter.states()) {
    if (state == v1::TASK_STATE_UNSPECIFIED || !v1::TaskState_IsValid(state)) {
      return Invalid("filter.states has ", state, ", which is not a state of a task");
    }
    query.states.push_back(static_cast<TaskState>(state));
  }
  if (const absl::Status status = ParseLabels(filter.labels(), "filter.labels", query.labels);
      !status.ok()) {
    return status;
  }
  const absl::StatusOr<int> size = ParsePageSize(request.page_size());
  if (!size.ok()) return size.status();
  query.limit = *size;
  query.newest_first = request.newest_first();
  query.with_payload = request.with_payload();
  query.with_result = request.with_result();
  if (!request.page_token().empty()) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(request.page_token(), absl::MaxSplits('-', 1));
    if (!absl::SimpleAtoi(parts.first, &query.after) || query.after < 1 ||
        parts.second != QueryTag(request)) {
      return BadToken(request.page_token());
    }
  }
  return query;
}

std::string NextPageToken(const v1::ListTasksRequest& request, TaskId after) {
  return absl::StrCat(after, "-", QueryTag(request));
}

absl::StatusOr<BatchPage> ParseListBatches(const v1::ListBatchesRequest& request) {
  const absl::StatusOr<int> size = ParsePageSize(request.page_size());
  if (!size.ok()) return size.status();
  BatchPage page;
  page.limit = *size;
  if (!request.page_token().empty() &&
      (!absl::SimpleAtoi(request.page_token(), &page.before) || page.before < 1)) {
    return BadToken(request.page_token());
  }
  return page;
}

absl::StatusOr<Selection> ParseSelection(const google::protobuf::RepeatedField<int64_t>& ids,
                                         int64_t batch_id) {
  if (ids.empty() == (batch_id == 0)) {
    return Invalid("either task_ids or batch_id must be given, and not both");
  }
  Selection selection;
  if (batch_id != 0) {
    if (const absl::Status status = CheckId(batch_id, "batch_id"); !status.ok()) return status;
  }
  if (const absl::Status status = CheckCount(ids.size(), kMaxSelected, "task_ids"); !status.ok()) {
    return status;
  }
  for (const int64_t id : ids) {
    if (const absl::Status status = CheckId(id, "task_ids"); !status.ok()) return status;
  }
  selection.ids.assign(ids.begin(), ids.end());
  selection.batch_id = batch_id;
  return selection;
}

absl::Status CheckReason(const std::string& reason) {
  return CheckText(reason, "reason", kMaxReasonBytes);
}

absl::Status CheckQueueName(const std::string& queue) { return CheckName(queue, "queue"); }

absl::Status CheckId(int64_t id, const char* field) {
  if (id >= 1) return absl::OkStatus();
  return Invalid(field, " is ", id, "; ids are 1 or greater");
}

}  // namespace tarea
