#ifndef TAREA_COMMON_STATUS_GRPC_H_
#define TAREA_COMMON_STATUS_GRPC_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace tarea {

// Both number their codes like google.rpc.Code; the message goes along unchanged.
grpc::Status ToGrpc(const absl::Status& status);
absl::Status FromGrpc(const grpc::Status& status);

// Whether a call that ended like this may be sent again as it was: the server could not be reached,
// or was too busy, or died on the way. The outcome of the first call is not known.
bool IsTransient(const absl::Status& status);

// Whether gRPC turned a message away because it is larger than the other side takes. The other side
// has not seen it.
bool IsMessageTooLarge(const absl::Status& status);

}  // namespace tarea

#endif  // TAREA_COMMON_STATUS_GRPC_H_
