// A caller who sends whatever he likes: each call's request, out of bytes or made field by field,
// through the checks, into a store, and what the store answers back into messages. What is accepted
// keeps to the limits; what is refused is told why; what is answered can be sent.

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/convert.h"
#include "common/ids.h"
#include "master/limits.h"
#include "master/request_validation.h"
#include "master/store/memory_store.h"
#include "master/task_spec_validation.h"
#include "master/translate.h"
#include "proto/tasks.pb.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/make_message.h"

namespace tarea {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::Message;

constexpr absl::Duration kLease = absl::Seconds(5);

// Small, so that they are met.
Limits SmallLimits() {
  Limits limits;
  limits.max_payload = 60;
  limits.max_result = 60;
  limits.max_tasks_per_call = 6;
  limits.max_depends_on = 3;
  limits.max_claim = 4;
  limits.max_claim_bytes = 200;
  limits.max_error = 100;
  return limits;
}

StoreLimits SmallStoreLimits() {
  StoreLimits limits;
  limits.max_batch = 10;
  limits.max_queue_depth = 20;
  limits.max_queue_bytes = 4'000;
  limits.max_lanes = 5;
  limits.max_page_bytes = 200;
  return limits;
}

void AddNames(const Descriptor& type, std::set<std::string>& names) {
  for (int i = 0; i < type.field_count(); ++i) {
    const auto& field = *type.field(i);
    if (names.insert(field.name()).second && field.message_type() != nullptr) {
      AddNames(*field.message_type(), names);
    }
  }
}

// Whether a text has the name of one of the request's fields in it.
bool NamesField(absl::string_view text, const Message& request) {
  std::set<std::string> names;
  AddNames(*request.GetDescriptor(), names);
  for (const std::string& name : names) {
    if (absl::StrContains(text, name)) return true;
  }
  return false;
}

bool IsWithin(absl::Duration value, absl::Duration min, absl::Duration max) {
  return value >= min && value <= max;
}

// What the checks promise of a task that they let through.
void CheckSpec(const TaskSpec& spec, const Limits& limits) {
  const auto fits = [](bool holds, const char* what) { FUZZ_CHECK(holds, what); };
  fits(IsName(spec.type, kMaxNameBytes, "._:/-"), "type");
  fits(IsName(spec.queue, kMaxNameBytes, "._:/-"), "queue");
  fits(static_cast<int64_t>(spec.payload.size()) <= limits.max_payload, "payload");
  fits(std::abs(spec.priority) <= kMaxPriority, "priority");
  fits(spec.key.size() <= kMaxTextBytes, "key");
  fits(static_cast<int>(spec.depends_on.size() + spec.depends_on_index.size()) <=
           limits.max_depends_on,
       "depends_on");
  for (const TaskId id : spec.depends_on) fits(id >= 1, "id in depends_on");
  fits(IsWithin(spec.delay, absl::ZeroDuration(), kMaxDelay), "delay");
  fits(spec.timeout == absl::InfiniteDuration() ||
           IsWithin(spec.timeout, absl::Microseconds(1), kMaxTimeout),
       "timeout");
  fits(spec.expires_in == absl::InfiniteDuration() ||
           IsWithin(spec.expires_in, absl::Microseconds(1), kMaxDelay),
       "expires_in");
  const RetryPolicy& retry = spec.retry;
  fits(retry.max_attempts >= 1 && retry.max_attempts <= kMaxAttempts, "max_attempts");
  fits(IsWithin(retry.initial_backoff, absl::ZeroDuration(), kMaxBackoff), "initial_backoff");
  fits(IsWithin(retry.max_backoff, retry.initial_backoff, kMaxBackoff), "max_backoff");
  fits(retry.multiplier >= 1 && retry.multiplier <= 100, "multiplier");
  fits(retry.jitter >= 0 && retry.jitter <= 1, "jitter");
  fits(retry.non_retryable_codes.size() <= kMaxRetryCodes, "non_retryable_codes");
  fits(spec.labels.size() <= kMaxLabels, "labels");
  for (const auto& [name, value] : spec.labels) {
    fits(IsName(name, kMaxLabelNameBytes, "._/-") && value.size() <= kMaxTextBytes, "label");
  }
}

class Caller {
 public:
  explicit Caller(FuzzInput& input) : input_(input), store_(SmallStoreLimits()) {}

  void Call() {
    now_ += absl::Milliseconds(input_.Below(256) * input_.Below(256));
    switch (input_.Below(16)) {
      case 0:
      case 1:
      case 2:
        return SubmitTasks();
      case 3:
      case 4:
        return RequestTask();
      case 5:
      case 6:
        return SubmitResult();
      case 7:
        return Heartbeat();
      case 8:
        return ListTasks();
      case 9:
        return ListBatches();
      case 10:
        return CancelTasks();
      case 11:
        return RetryTasks();
      case 12:
        return PauseQueue();
      case 13:
        return WatchTask();
      default:
        return PassTime();
    }
  }

  // All that can be read can be sent, and a task that is read could be submitted again.
  void ReadAll() {
    TaskQuery query;
    query.with_payload = true;
    do {
      const absl::StatusOr<TaskPage> page = store_.ListTasks(query);
      FUZZ_CHECK(page.ok(), page.status().ToString());
      for (const Task& task : page->tasks) {
        v1::Task proto;
        ToProto(*store_.GetTask(task.core.id), &proto);
        CheckSendable(proto);
        CheckSpec(task.spec, limits_);
        CheckSameAgain(task.spec, proto.spec());
      }
      query.after = page->next;
    } while (query.after != 0);
    const absl::StatusOr<std::vector<Batch>> batches = store_.ListBatches(0, 1000);
    for (const Batch& batch : *batches) {
      v1::Batch proto;
      ToProto(batch, &proto);
      CheckSendable(proto);
      FUZZ_CHECK(proto.total() <= SmallStoreLimits().max_batch, absl::StrCat(proto.total()));
    }
    const absl::StatusOr<std::vector<Queue>> queues = store_.ListQueues();
    for (const Queue& queue : *queues) {
      v1::Queue proto;
      ToProto(queue, now_, &proto);
      CheckSendable(proto);
    }
  }

 private:
  // A request as it comes from the wire, which may refuse it before we see it.
  template <typename Request>
  bool Receive(Request& request) {
    if (input_.OneIn(4)) return request.ParseFromString(input_.Bytes(200));
    MakeMessage(input_, request);
    Complete(request);
    std::string bytes;
    return request.SerializeToString(&bytes) && request.ParseFromString(bytes);
  }

  // What is required is mostly there, or little would get any further.
  template <typename Request>
  void Complete(Request& request) {
    if (input_.OneIn(8)) return;
    if constexpr (requires { request.worker(); }) {
      if (request.worker().id().empty()) request.mutable_worker()->set_id("w1");
    }
    if constexpr (requires { request.mutable_tasks(); }) {
      for (v1::TaskSpec& task : *request.mutable_tasks()) {
        if (task.type().empty()) task.set_type("a");
      }
    }
    if constexpr (requires { request.mutable_results(); }) {
      for (v1::TaskResult& result : *request.mutable_results()) UseLease(result);
    }
    if constexpr (requires { request.mutable_held(); }) {
      for (v1::HeldTask& held : *request.mutable_held()) UseLease(held);
    }
  }

  // A fuzzer does not guess 64 bits.
  template <typename Item>
  void UseLease(Item& item) {
    if (leases_.empty() || item.task_id() != 0 || item.lease_id() != 0) return;
    const LeasedTask& lease =
        leases_[static_cast<size_t>(input_.Below(static_cast<int64_t>(leases_.size())))];
    item.set_task_id(lease.task_id);
    item.set_lease_id(static_cast<uint64_t>(lease.lease_id));
  }

  template <typename Parsed>
  static bool Accepted(const Parsed& parsed, const Message& request) {
    if (parsed.ok()) return true;
    const absl::Status status = StatusOf(parsed);
    FUZZ_CHECK(absl::IsInvalidArgument(status), status.ToString());
    CheckError(status);
    FUZZ_CHECK(NamesField(status.message(), request), std::string(status.message()));
    return false;
  }
  template <typename T>
  static absl::Status StatusOf(const absl::StatusOr<T>& parsed) {
    return parsed.status();
  }
  static absl::Status StatusOf(const absl::Status& status) { return status; }

  static void CheckSendable(const Message& message) {
    const absl::Status status = CheckUtf8(message);
    FUZZ_CHECK(status.ok(), status.ToString());
  }

  void CheckSameAgain(const TaskSpec& spec, const v1::TaskSpec& proto) const {
    TaskSpec again;
    const absl::Status status = ParseTaskSpec(proto, "spec", limits_, again);
    FUZZ_CHECK(status.ok(), absl::StrCat(status.ToString(), "\n", proto.ShortDebugString()));
    FUZZ_CHECK(again == spec, proto.ShortDebugString());
  }

  // Runs a verb in a transaction. The store may refuse what the checks cannot know to be wrong.
  template <typename Verb>
  auto Run(Verb verb) {
    std::unique_ptr<Store::Transaction> transaction = store_.Begin();
    auto answer = verb(*transaction);
    if (!answer.ok()) {
      const absl::Status status = StatusOf(answer);
      CheckError(status);
      FUZZ_CHECK(absl::IsInvalidArgument(status) || absl::IsNotFound(status) ||
                     absl::IsAlreadyExists(status) || absl::IsFailedPrecondition(status) ||
                     absl::IsResourceExhausted(status),
                 status.ToString());
    }
    const absl::Status committed = transaction->Commit();
    FUZZ_CHECK(committed.ok(), committed.ToString());
    return answer;
  }

  void SubmitTasks() {
    v1::SubmitTasksRequest request;
    if (!Receive(request)) return;
    const absl::StatusOr<InsertRequest> insert = ParseSubmitTasks(request, limits_);
    if (!Accepted(insert, request)) return;
    FUZZ_CHECK(static_cast<int>(insert->tasks.size()) <= limits_.max_tasks_per_call, "tasks");
    FUZZ_CHECK(insert->request_id.size() <= kMaxNameBytes, "request_id");
    FUZZ_CHECK(insert->batch_name.size() <= kMaxTextBytes, "batch_name");
    FUZZ_CHECK(insert->batch_id >= 0 && insert->total_tasks >= 0, "numbers");
    for (const TaskSpec& spec : insert->tasks) CheckSpec(spec, limits_);
    const auto insert_it = [&](Store::Transaction& t) { return t.Insert(now_, *insert); };
    const absl::StatusOr<InsertAnswer> answer = Run(insert_it);
    if (!answer.ok() || insert->request_id.empty()) return;
    // Sent again, it is answered in the same way.
    const absl::StatusOr<InsertAnswer> again = Run(insert_it);
    FUZZ_CHECK(again.ok(), again.status().ToString());
    FUZZ_CHECK(again->repeated && again->batch_id == answer->batch_id &&
                   again->first_task_id == answer->first_task_id,
               request.ShortDebugString());
  }

  static bool AcceptedWorker(const v1::WorkerInfo& info, const Message& request) {
    const absl::StatusOr<WorkerIdentity> worker = ParseWorker(info, "peer");
    if (!Accepted(worker, request)) return false;
    FUZZ_CHECK(IsName(worker->id, kMaxNameBytes, "._:/@-"), worker->id);
    v1::Worker proto;
    ToProto(WorkerStatus{.identity = *worker, .queues = {}, .types = {}, .idle = {}}, &proto);
    CheckSendable(proto);
    return true;
  }

  void RequestTask() {
    v1::RequestTaskRequest request;
    if (!Receive(request)) return;
    if (!AcceptedWorker(request.worker(), request) || !Accepted(ParseWait(request.wait()), request))
      return;
    const absl::StatusOr<ClaimRequest> claim = ParseRequestTask(request, limits_);
    if (!Accepted(claim, request)) return;
    FUZZ_CHECK(claim->max_tasks >= 1 && claim->max_tasks <= limits_.max_claim, "max_tasks");
    FUZZ_CHECK(!claim->queues.empty() && claim->queues.size() <= kMaxQueues, "queues");
    FUZZ_CHECK(claim->types.size() <= kMaxTypes && claim->shares.size() <= kMaxQueues, "types");
    absl::StatusOr<std::vector<LeasedTask>> leased =
        Run([&](Store::Transaction& t) { return t.Claim(now_, kLease, *claim); });
    FUZZ_CHECK(leased.ok(), leased.status().ToString());
    FUZZ_CHECK(static_cast<int>(leased->size()) <= claim->max_tasks, "more than asked for");
    for (const LeasedTask& task : *leased) {
      v1::LeasedTask proto;
      ToProto(task, &proto);
      CheckSendable(proto);
      leases_.push_back(task);
    }
  }

  void SubmitResult() {
    v1::SubmitResultRequest request;
    if (!Receive(request)) return;
    if (!AcceptedWorker(request.worker(), request) || !Accepted(ParseOutputs(request), request))
      return;
    const absl::StatusOr<std::vector<TaskResult>> results = ParseResults(request, limits_);
    if (!Accepted(results, request)) return;
    for (const TaskResult& result : *results) {
      FUZZ_CHECK(static_cast<int64_t>(result.result.size()) <= limits_.max_result, "result");
      FUZZ_CHECK(static_cast<int64_t>(result.error.message.size()) <= limits_.max_error + 10,
                 "error");
    }
    const absl::StatusOr<std::vector<ResultStatus>> statuses =
        Run([&](Store::Transaction& t) { return t.Complete(now_, *results); });
    FUZZ_CHECK(statuses.ok() && statuses->size() == results->size(), "a status for each");
  }

  void Heartbeat() {
    v1::HeartbeatRequest request;
    if (!Receive(request)) return;
    if (!AcceptedWorker(request.worker(), request)) return;
    const absl::StatusOr<std::vector<HeldLease>> held = ParseHeld(request);
    if (!Accepted(held, request)) return;
    std::vector<Lease> leases;
    for (const HeldLease& one : *held) {
      leases.push_back(one.lease);
      if (!one.progress.has_value()) continue;
      FUZZ_CHECK(one.progress->fraction >= 0 && one.progress->fraction <= 1, "fraction");
      FUZZ_CHECK(one.progress->message.size() <= kMaxReasonBytes + 10, "progress");
    }
    const auto stops = Run([&](Store::Transaction& t) { return t.Renew(now_, kLease, leases); });
    FUZZ_CHECK(stops.ok(), stops.status().ToString());
  }

  void ListTasks() {
    v1::ListTasksRequest request;
    if (!Receive(request)) return;
    const absl::StatusOr<TaskQuery> query = ParseListTasks(request);
    if (!Accepted(query, request)) return;
    FUZZ_CHECK(query->limit >= 1 && query->limit <= kMaxPage, "page_size");
    const absl::StatusOr<TaskPage> page = store_.ListTasks(*query);
    FUZZ_CHECK(page.ok(), page.status().ToString());
    if (page->next == 0) return;
    request.set_page_token(NextPageToken(request, page->next));
    const absl::StatusOr<TaskQuery> next = ParseListTasks(request);
    FUZZ_CHECK(next.ok() && next->after == page->next, next.status().ToString());
  }

  void ListBatches() {
    v1::ListBatchesRequest request;
    if (!Receive(request)) return;
    const absl::StatusOr<BatchPage> page = ParseListBatches(request);
    if (!Accepted(page, request)) return;
    FUZZ_CHECK(page->limit >= 1 && page->limit <= kMaxPage && page->before >= 0, "page");
    FUZZ_CHECK(store_.ListBatches(page->before, page->limit).ok(), "ListBatches");
  }

  void CancelTasks() {
    v1::CancelTasksRequest request;
    if (!Receive(request)) return;
    const auto selection = ParseSelection(request.task_ids(), request.batch_id());
    if (!Accepted(selection, request) || !Accepted(CheckReason(request.reason()), request)) return;
    Run([&](Store::Transaction& t) {
      return t.Cancel(now_, *selection, request.reason());
    }).IgnoreError();
  }

  void RetryTasks() {
    v1::RetryTasksRequest request;
    if (!Receive(request)) return;
    const auto selection = ParseSelection(request.task_ids(), request.batch_id());
    if (!Accepted(selection, request)) return;
    Run([&](Store::Transaction& t) { return t.Retry(now_, *selection); }).IgnoreError();
  }

  void PauseQueue() {
    v1::PauseQueueRequest request;
    if (!Receive(request) || !Accepted(CheckQueueName(request.queue()), request)) return;
    const bool paused = input_.OneIn(2);
    Run([&](Store::Transaction& t) { return t.SetPaused(request.queue(), paused); }).IgnoreError();
  }

  void WatchTask() {
    v1::WatchTaskRequest request;
    if (!Receive(request)) return;
    const absl::StatusOr<OutputOffsets> offsets = ParseWatchTask(request);
    if (!Accepted(offsets, request)) return;
    for (const int64_t bytes : offsets->bytes) {
      FUZZ_CHECK(bytes >= 0 && bytes <= kMaxOutputOffset, absl::StrCat(bytes));
    }
  }

  void PassTime() {
    const auto advanced = Run([&](Store::Transaction& t) { return t.Advance(now_, 100); });
    FUZZ_CHECK(advanced.ok(), advanced.status().ToString());
    const absl::Time before = now_ - absl::Seconds(input_.Below(60));
    const auto purged = Run([&](Store::Transaction& t) { return t.Purge(now_, before, 10); });
    FUZZ_CHECK(purged.ok(), purged.status().ToString());
  }

  FuzzInput& input_;
  const Limits limits_ = SmallLimits();
  MemoryStore store_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::vector<LeasedTask> leases_;
};

}  // namespace
}  // namespace tarea

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarea::FuzzInput input(data, size);
  tarea::Caller caller(input);
  for (int call = 0; call < 100 && !input.empty(); ++call) caller.Call();
  caller.ReadAll();
  return 0;
}
