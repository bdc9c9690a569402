#include "master/task_spec_validation.h"

#include <algorithm>

namespace tarea {
namespace {

absl::Status ParseRetry(const v1::RetryPolicy& proto, const Field& field, RetryPolicy& policy) {
  if (proto.max_attempts() != 0) policy.max_attempts = proto.max_attempts();
  if (policy.max_attempts < 1 || policy.max_attempts > kMaxAttempts) {
    return Invalid(field, ".max_attempts is ", policy.max_attempts, "; it must be 1 to ",
                   kMaxAttempts);
  }
  if (proto.has_initial_backoff()) {
    const absl::Status status =
        ParseDurationField(proto.initial_backoff(), field.Member("initial_backoff"),
                           absl::ZeroDuration(), kMaxBackoff, policy.initial_backoff);
    if (!status.ok()) return status;
  }
  policy.max_backoff = std::max(policy.max_backoff, policy.initial_backoff);
  if (proto.has_max_backoff()) {
    const absl::Status status =
        ParseDurationField(proto.max_backoff(), field.Member("max_backoff"), policy.initial_backoff,
                           kMaxBackoff, policy.max_backoff);
    if (!status.ok()) return status;
  }
  if (proto.multiplier() != 0) policy.multiplier = proto.multiplier();
  if (!(policy.multiplier >= 1.0 && policy.multiplier <= 100.0)) {
    return Invalid(field, ".multiplier is ", policy.multiplier, "; it must be 1 to 100");
  }
  if (proto.has_jitter()) policy.jitter = proto.jitter();
  if (!(policy.jitter >= 0.0 && policy.jitter <= 1.0)) {
    return Invalid(field, ".jitter is ", policy.jitter, "; it must be 0 to 1");
  }
  for (const int code : proto.non_retryable_codes()) {
    if (code < 1 || code > 16) {
      return Invalid(field, ".non_retryable_codes has ", code,
                     "; it must be 1 to 16, a number of google.rpc.Code");
    }
    policy.non_retryable_codes.push_back(code);
  }
  return CheckCount(proto.non_retryable_codes_size(), kMaxRetryCodes,
                    field.Member("non_retryable_codes"));
}

absl::Status ParseDependencies(const v1::TaskSpec& proto, const Field& field, const Limits& limits,
                               TaskSpec& spec) {
  const int count = proto.depends_on_size() + proto.depends_on_index_size();
  if (count > limits.max_depends_on) {
    return Invalid(field, " depends on ", count, " tasks; the limit is ", limits.max_depends_on,
                   " (--max-depends-on)");
  }
  for (const int64_t id : proto.depends_on()) {
    if (id < 1) return Invalid(field, ".depends_on has ", id, "; ids are 1 or greater");
    spec.depends_on.push_back(id);
  }
  spec.depends_on_index.assign(proto.depends_on_index().begin(), proto.depends_on_index().end());
  if (!v1::OnParentFailure_IsValid(proto.on_parent_failure())) {
    return Invalid(field, ".on_parent_failure is ", static_cast<int>(proto.on_parent_failure()),
                   ", which is not a value of OnParentFailure");
  }
  spec.run_on_parent_failure = proto.on_parent_failure() == v1::ON_PARENT_FAILURE_RUN;
  return absl::OkStatus();
}

absl::Status ParseTaskTimes(const v1::TaskSpec& proto, const Field& field, TaskSpec& spec) {
  absl::Status status;
  const absl::Duration shortest = absl::Microseconds(1);
  if (proto.has_delay()) {
    status = ParseDurationField(proto.delay(), field.Member("delay"), absl::ZeroDuration(),
                                kMaxDelay, spec.delay);
  }
  if (status.ok() && proto.has_timeout()) {
    status = ParseDurationField(proto.timeout(), field.Member("timeout"), shortest, kMaxTimeout,
                                spec.timeout);
  }
  if (status.ok() && proto.has_expires_in()) {
    status = ParseDurationField(proto.expires_in(), field.Member("expires_in"), shortest, kMaxDelay,
                                spec.expires_in);
  }
  return status;
}

}  // namespace

absl::Status ParseTaskSpec(const v1::TaskSpec& proto, const Field& field, const Limits& limits,
                           TaskSpec& spec) {
  // Sizes first: nothing is copied that will not be kept.
  if (static_cast<int64_t>(proto.payload().size()) > limits.max_payload) {
    return Invalid(field, ".payload is ", proto.payload().size(), " bytes; the limit is ",
                   limits.max_payload, " (--max-payload)");
  }
  absl::Status status = CheckName(proto.type(), field.Member("type"));
  if (status.ok() && !proto.queue().empty()) {
    status = CheckName(proto.queue(), field.Member("queue"));
  }
  if (status.ok()) status = CheckText(proto.key(), field.Member("key"), kMaxTextBytes);
  if (!status.ok()) return status;
  if (proto.priority() < -kMaxPriority || proto.priority() > kMaxPriority) {
    return Invalid(field, ".priority is ", proto.priority(), "; it must be ", -kMaxPriority, " to ",
                   kMaxPriority);
  }
  spec.type = proto.type();
  spec.payload = proto.payload();
  if (!proto.queue().empty()) spec.queue = proto.queue();
  spec.priority = proto.priority();
  spec.key = proto.key();
  status = ParseTaskTimes(proto, field, spec);
  if (status.ok()) status = ParseDependencies(proto, field, limits, spec);
  if (status.ok()) status = ParseRetry(proto.retry(), field.Member("retry"), spec.retry);
  if (status.ok()) status = ParseLabels(proto.labels(), field.Member("labels"), spec.labels);
  return status;
}

}  // namespace tarea
