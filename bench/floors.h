#ifndef TAREA_BENCH_FLOORS_H_
#define TAREA_BENCH_FLOORS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/measure.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

// What the machine can do without Tarea: nothing that calls, writes and syncs as Tarea does can be
// faster.
namespace tarea {

// A server for the bare echo, in a process of its own. Not thread-safe, except for address().
class EchoServer {
 public:
  EchoServer();

  // Waits until it takes calls. UNAVAILABLE with its log if it does not start.
  absl::Status AwaitStart();

  const std::string& address() const { return address_; }

 private:
  TempDir dir_;
  Process process_;
  std::string address_;
};

// Times of `calls` echoes of 100 bytes, one after the other.
absl::StatusOr<Samples> EchoLatency(const std::string& address, int calls);

// Echoes per second that `threads` threads get, each one after the other, within `time`. All share
// a connection, as gRPC has it for channels of one process to one address.
absl::StatusOr<double> EchoRate(const std::string& address, int threads, absl::Duration time);

// Times of `writes` times 4 KiB appended to a file in `directory`, and fdatasync.
absl::StatusOr<Samples> SyncLatency(const std::string& directory, int writes);

// Bytes per second of `blocks` blocks appended to a file in `directory`, with fdatasync after each
// of them, or after the last only.
absl::StatusOr<double> WriteRate(const std::string& directory, int64_t block_bytes, int blocks,
                                 bool sync_each);

}  // namespace tarea

#endif  // TAREA_BENCH_FLOORS_H_
