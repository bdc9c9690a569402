#ifndef TAREA_MASTER_SERVER_LIMITS_H_
#define TAREA_MASTER_SERVER_LIMITS_H_

#include <grpcpp/server_builder.h>

#include <cstdint>

#include "absl/time/time.h"

namespace tarea {

// What is connected, and what it may cost before a call is a call. What calls may ask for is
// bounded by Limits.
struct ServerLimits {
  // Each costs a descriptor and some 20 KB, also one that never says a word. --max-connections.
  int max_connections = 4096;
  // A thread of the master waits for a caller to take its answer; longer than any network needs.
  // --max-unread.
  absl::Duration max_unread = absl::Seconds(30);
  // A certificate is looked at when a connection is made, and not again: one that has run out since
  // is worth nothing after this. With TLS only. --max-connection-age.
  absl::Duration max_connection_age = absl::Hours(1);
  // From one host in a minute, with credentials that are wrong; of more the log says nothing.
  // --max-auth-failures.
  int max_auth_failures = 60;
};

// Sets what gRPC itself can be told about callers that mean no good. `threads` is how many calls
// may be answered at a time, `max_message` the bytes of one.
void LimitServer(int threads, int64_t max_message, grpc::ServerBuilder& builder);

// Has a connection take no new calls when it is that old, give or take a tenth, and closes it
// `grace` later. Polls are answered by then; our clients go on with their streams elsewhere.
void LimitAge(absl::Duration age, absl::Duration grace, grpc::ServerBuilder& builder);

}  // namespace tarea

#endif  // TAREA_MASTER_SERVER_LIMITS_H_
