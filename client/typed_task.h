#ifndef TAREA_CLIENT_TYPED_TASK_H_
#define TAREA_CLIENT_TYPED_TASK_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/payload.h"
#include "proto/tasks.pb.h"

// The client's side of typed handlers (worker/typed_handler.h): values instead of bytes.
namespace tarea {

// A task of this type with `request` as its payload: a protobuf message, a type with to_json, or a
// std::string; see common/payload.h. Everything else about the task is as by default.
// INVALID_ARGUMENT if the request cannot be written.
template <typename Request>
absl::StatusOr<v1::TaskSpec> TypedTask(const std::string& type, const Request& request) {
  absl::StatusOr<std::string> payload = EncodePayload(request);
  if (!payload.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the payload of a '", type, "' task cannot be written: ", payload.status().message()));
  }
  v1::TaskSpec task;
  task.set_type(type);
  task.set_payload(*std::move(payload));
  return task;
}

// The result of a finished task that came with its result (GetTask, or WatchBatch with_result).
//   the task's own error  it FAILED or was CANCELLED
//   FAILED_PRECONDITION   it is not finished
//   INVALID_ARGUMENT      the result is not one of this type
template <typename Result>
absl::StatusOr<Result> TypedResult(const v1::Task& task) {
  const std::string name = absl::StrCat("task ", task.id());
  if (task.state() == v1::TASK_STATE_FAILED || task.state() == v1::TASK_STATE_CANCELLED) {
    // A cancelled task may have no code of its own.
    const auto code = static_cast<absl::StatusCode>(task.error().code());
    return absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnknown : code,
                        task.error().message());
  }
  if (task.state() != v1::TASK_STATE_SUCCEEDED) {
    return absl::FailedPreconditionError(absl::StrCat(name, " is not finished"));
  }
  absl::StatusOr<Result> result = DecodePayload<Result>(task.result());
  if (result.ok()) return result;
  return absl::InvalidArgumentError(
      absl::StrCat("the result of ", name, ", ", task.result().size(),
                   " bytes, cannot be read: ", result.status().message()));
}

}  // namespace tarea

#endif  // TAREA_CLIENT_TYPED_TASK_H_
