#include "master/translate.h"

#include <utility>

#include "common/convert.h"

namespace tarea {
namespace {

void Fill(const RetryPolicy& policy, v1::RetryPolicy* proto) {
  proto->set_max_attempts(policy.max_attempts);
  *proto->mutable_initial_backoff() = ToProto(policy.initial_backoff);
  proto->set_multiplier(policy.multiplier);
  *proto->mutable_max_backoff() = ToProto(policy.max_backoff);
  proto->set_jitter(policy.jitter);
  for (const int code : policy.non_retryable_codes) proto->add_non_retryable_codes(code);
}

void Fill(const TaskSpec& spec, v1::TaskSpec* proto) {
  proto->set_type(spec.type);
  proto->set_payload(spec.payload);
  proto->set_queue(spec.queue);
  proto->set_priority(spec.priority);
  if (spec.delay > absl::ZeroDuration()) *proto->mutable_delay() = ToProto(spec.delay);
  proto->set_key(spec.key);
  for (const TaskId id : spec.depends_on) proto->add_depends_on(id);
  proto->set_on_parent_failure(spec.run_on_parent_failure ? v1::ON_PARENT_FAILURE_RUN
                                                          : v1::ON_PARENT_FAILURE_CANCEL);
  Fill(spec.retry, proto->mutable_retry());
  if (spec.timeout < absl::InfiniteDuration()) *proto->mutable_timeout() = ToProto(spec.timeout);
  if (spec.expires_in < absl::InfiniteDuration()) {
    *proto->mutable_expires_in() = ToProto(spec.expires_in);
  }
  proto->mutable_labels()->insert(spec.labels.begin(), spec.labels.end());
}

void Fill(const TaskError& error, v1::TaskError* proto) {
  proto->set_code(error.code);
  proto->set_message(error.message);
}

void Fill(const Attempt& attempt, v1::Attempt* proto) {
  proto->set_number(attempt.number);
  proto->set_outcome(static_cast<v1::AttemptOutcome>(attempt.outcome));
  proto->set_worker(attempt.worker);
  *proto->mutable_started_at() = ToProto(attempt.started_at);
  if (attempt.ended_at < absl::InfiniteFuture()) {
    *proto->mutable_ended_at() = ToProto(attempt.ended_at);
  }
  if (attempt.error.code != 0) Fill(attempt.error, proto->mutable_error());
}

}  // namespace

void ToProto(const Task& task, v1::Task* proto) {
  const TaskCore& core = task.core;
  proto->set_id(core.id);
  proto->set_batch_id(core.batch_id);
  proto->set_state(static_cast<v1::TaskState>(core.state));
  Fill(task.spec, proto->mutable_spec());
  proto->set_attempt(core.attempt);
  proto->set_cancel_requested(core.cancel_requested);
  *proto->mutable_created_at() = ToProto(core.created_at);
  if (core.state == TaskState::kScheduled || core.state == TaskState::kReady) {
    *proto->mutable_ready_at() = ToProto(core.ready_at);
  }
  if (core.started_at > absl::InfinitePast()) {
    *proto->mutable_started_at() = ToProto(core.started_at);
  }
  if (IsFinal(core.state)) *proto->mutable_finished_at() = ToProto(core.finished_at);
  proto->set_worker(core.worker);
  proto->set_result(task.result);
  if (task.error.code != 0) Fill(task.error, proto->mutable_error());
  for (const Attempt& attempt : task.attempts) Fill(attempt, proto->add_attempts());
  proto->set_payload_size(task.payload_size);
  proto->set_result_size(task.result_size);
}

void ToProto(const Batch& batch, v1::Batch* proto) {
  proto->set_id(batch.id);
  proto->set_name(batch.name);
  *proto->mutable_created_at() = ToProto(batch.created_at);
  if (batch.Finished()) *proto->mutable_finished_at() = ToProto(batch.idle_since);
  proto->set_open(batch.open);
  proto->set_total(batch.counts.Total());
  ToProto(batch.counts, proto->mutable_counts());
}

void ToProto(const Counts& counts, v1::Counts* proto) {
  proto->set_blocked(counts[TaskState::kBlocked]);
  proto->set_scheduled(counts[TaskState::kScheduled]);
  proto->set_ready(counts[TaskState::kReady]);
  proto->set_running(counts[TaskState::kRunning]);
  proto->set_succeeded(counts[TaskState::kSucceeded]);
  proto->set_failed(counts[TaskState::kFailed]);
  proto->set_cancelled(counts[TaskState::kCancelled]);
}

void ToProto(const Queue& queue, absl::Time now, v1::Queue* proto) {
  proto->set_name(queue.name);
  proto->set_paused(queue.paused);
  ToProto(queue.counts, proto->mutable_counts());
  proto->set_unfinished_bytes(queue.unfinished_bytes);
  if (queue.oldest_ready_at < absl::InfiniteFuture()) {
    *proto->mutable_oldest_ready_age() = ToProto(now - queue.oldest_ready_at);
  }
  for (const std::string& type : queue.types) proto->add_types(type);
}

void ToProto(const WorkerStatus& worker, v1::Worker* proto) {
  v1::WorkerInfo* info = proto->mutable_info();
  info->set_id(worker.identity.id);
  info->set_name(worker.identity.name);
  info->set_host(worker.identity.host);
  info->set_pid(worker.identity.pid);
  info->set_version(worker.identity.version);
  info->set_slots(worker.identity.slots);
  info->mutable_labels()->insert(worker.identity.labels.begin(), worker.identity.labels.end());
  for (const std::string& queue : worker.queues) proto->add_queues(queue);
  for (const std::string& type : worker.types) proto->add_types(type);
  proto->set_held(worker.held);
  *proto->mutable_idle() = ToProto(worker.idle);
  proto->set_peer(worker.identity.peer);
  proto->set_draining(worker.draining);
}

void ToProto(LeasedTask task, v1::LeasedTask* proto) {
  proto->set_task_id(task.task_id);
  proto->set_batch_id(task.batch_id);
  proto->set_lease_id(static_cast<uint64_t>(task.lease_id));
  proto->set_attempt(task.attempt);
  proto->set_max_attempts(task.max_attempts);
  proto->set_type(std::move(task.type));
  proto->set_queue(std::move(task.queue));
  proto->set_payload(std::move(task.payload));
  if (task.timeout < absl::InfiniteDuration()) *proto->mutable_timeout() = ToProto(task.timeout);
  proto->mutable_labels()->insert(task.labels.begin(), task.labels.end());
}

}  // namespace tarea
