#ifndef TAREA_WORKER_TYPED_HANDLER_H_
#define TAREA_WORKER_TYPED_HANDLER_H_

#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"
#include "common/payload.h"
#include "worker/handler.h"

// Handlers that take and return values instead of bytes.
namespace tarea {

// A handler out of a function of values. Request and Result are protobuf messages, types with JSON
// (from_json for the request, to_json for the result), or std::string; see common/payload.h.
//
//     absl::StatusOr<ResizeResult> Resize(const ResizeRequest& request, TaskContext& context);
//     worker.Handle("resize", Typed<ResizeRequest, ResizeResult>(Resize));
//
// A function that also takes the task, for its attempt, labels and ids, has it as its second
// parameter:
//
//     absl::StatusOr<ResizeResult> Resize(const ResizeRequest& request, const v1::LeasedTask& task,
//                                         TaskContext& context);
//
// A payload that cannot be read fails the task at once, with INVALID_ARGUMENT: it can never work. A
// result that cannot be written is an INTERNAL error, and tried again as the retry policy says.
template <typename Request, typename Result, typename Function>
Handler Typed(Function function) {
  constexpr bool kWithTask =
      std::is_invocable_r_v<absl::StatusOr<Result>, const Function&, const Request&,
                            const v1::LeasedTask&, TaskContext&>;
  static_assert(kWithTask || std::is_invocable_r_v<absl::StatusOr<Result>, const Function&,
                                                   const Request&, TaskContext&>,
                "the function must take (const Request&, TaskContext&) or (const Request&, const "
                "v1::LeasedTask&, TaskContext&), and return absl::StatusOr<Result>");
  return [function = std::move(function)](const v1::LeasedTask& task,
                                          TaskContext& context) -> absl::StatusOr<std::string> {
    const absl::StatusOr<Request> request = DecodePayload<Request>(task.payload());
    if (!request.ok()) {
      return NonRetryable(absl::InvalidArgumentError(
          absl::StrCat("the payload of this '", Printable(task.type()), "' task, ",
                       CountOf(static_cast<int64_t>(task.payload().size()), "byte"),
                       ", cannot be read: ", request.status().message())));
    }
    absl::StatusOr<Result> result = [&]() -> absl::StatusOr<Result> {
      if constexpr (kWithTask) {
        return function(*request, task, context);
      } else {
        return function(*request, context);
      }
    }();
    if (!result.ok()) return result.status();
    absl::StatusOr<std::string> bytes = EncodePayload<Result>(*result);
    if (!bytes.ok()) {
      return absl::InternalError(
          absl::StrCat("the result of this '", Printable(task.type()),
                       "' task cannot be written: ", bytes.status().message()));
    }
    return bytes;
  };
}

}  // namespace tarea

#endif  // TAREA_WORKER_TYPED_HANDLER_H_
