#include "common/status_grpc.h"

#include <string>

#include "absl/strings/match.h"

namespace tarea {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  // gRPC at the master has no memory left for messages, and has dropped some call or other. Nobody
  // has decided anything about the request.
  if (status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED &&
      absl::StrContains(status.error_message(), "RST_STREAM with error code 11")) {
    return absl::UnavailableError("the master has no memory left for messages");
  }
  return {static_cast<absl::StatusCode>(status.error_code()), status.error_message()};
}

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsInternal(status) || absl::IsAborted(status);
}

bool IsMessageTooLarge(const absl::Status& status) {
  return absl::IsResourceExhausted(status) &&
         absl::StrContains(status.message(), "larger than max");
}

}  // namespace tarea
