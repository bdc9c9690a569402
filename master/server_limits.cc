#include "master/server_limits.h"

#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <cstddef>
#include <limits>

namespace tarea {
namespace {

// How long a connection may take until it has sent the preface and its settings. gRPC's own limit
// is 120 s: of 2,000 sockets that said nothing all were still open after 8 s, and none with this.
constexpr int kHandshakeMillis = 3'000;
// A connection without a call. Workers always have one, clients come back by themselves and without
// losing a call: the server says goodbye first.
constexpr int kIdleMillis = 60'000;
// Names and values of a call's metadata. Ours have none of their own.
constexpr int kMetadataBytes = 8 << 10;
// Calls of one connection at a time. A worker has three, but a process may hold many workers and
// threads that share one connection, and what is beyond waits in the client. Calls that are opened
// and never finished cost 11 KB each.
constexpr int kStreamsPerConnection = 1'000;
// Finds out about callers whose machine or network went away without a word.
constexpr int kKeepaliveMillis = 20'000;
constexpr int kKeepaliveTimeoutMillis = 10'000;
// Pings that come more often than this are held against a connection that has no call, and as many
// as kPingStrikes are forgiven. Clients of ours ping every 20 s.
constexpr int kPingIntervalMillis = 5'000;
constexpr int kPingStrikes = 2;
// Of messages that are being received and sent. Beyond it gRPC drops calls, of whomever; clients of
// ours repeat them (FromGrpc). 800 calls that each left a message of 8 MiB unfinished took 313 MB
// with it, and 890 MB with twice as much.
constexpr size_t kBufferBytes = size_t{256} << 20;
// gRPC ends a thread that has answered its call when as many as these wait for the next one, and
// begins a new one when all are busy. With its own limit of 2 most calls that wait for the disk
// cost a thread.
constexpr int kMaxPollers = 64;

int Millis(absl::Duration time) {
  constexpr int64_t kMost = std::numeric_limits<int>::max();
  return static_cast<int>(std::min(absl::ToInt64Milliseconds(time), kMost));
}

}  // namespace

void LimitServer(int threads, int64_t max_message, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMillis);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, kIdleMillis);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kStreamsPerConnection);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMillis);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kPingIntervalMillis);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PING_STRIKES, kPingStrikes);
  // The limit of a message holds for what it was compressed to: 1 GiB of zeros came as 1 MB, and
  // took 1.1 GB before it was refused. None of our clients compresses.
  builder.AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder.SetMaxReceiveMessageSize(static_cast<int>(max_message));
  builder.SetMaxSendMessageSize(-1);  // bounded by the size of pages and of what a poll takes
  grpc::ResourceQuota quota;
  quota.Resize(kBufferBytes);
  quota.SetMaxThreads(threads);
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, kMaxPollers);
}

void LimitAge(absl::Duration age, absl::Duration grace, grpc::ServerBuilder& builder) {
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_MS, Millis(age));
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, Millis(grace));
}

}  // namespace tarea
