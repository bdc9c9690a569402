#include "worker/handler.h"

#include "absl/strings/cord.h"

namespace tarea {
namespace {

constexpr absl::string_view kNonRetryable = "tarea.v1/non-retryable";

}  // namespace

absl::Status NonRetryable(absl::Status status) {
  status.SetPayload(kNonRetryable, absl::Cord());
  return status;
}

bool IsNonRetryable(const absl::Status& status) {
  return status.GetPayload(kNonRetryable).has_value();
}

}  // namespace tarea
