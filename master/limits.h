#ifndef TAREA_MASTER_LIMITS_H_
#define TAREA_MASTER_LIMITS_H_

#include <cstdint>

#include "absl/time/time.h"

namespace tarea {

// What one call may ask for. Each field says why it is bounded, and its flag; what depends on what
// is stored is bounded by StoreLimits, and what is connected by DispatcherOptions.
struct Limits {
  // Tasks are for work, not for files: what is larger belongs in a store of objects, and its name
  // in the payload. --max-payload, --max-result.
  int64_t max_payload = int64_t{4} << 20;
  int64_t max_result = int64_t{4} << 20;
  // Bytes of one call on the wire, and so of memory before it can be checked: a payload of the
  // greatest size and what goes with it. --max-message.
  int64_t max_message = int64_t{8} << 20;
  // One call is one piece of a transaction; others wait behind it. --max-tasks-per-call.
  int max_tasks_per_call = 100'000;
  // --max-depends-on.
  int max_depends_on = 1000;
  // Tasks that one poll takes away at once. --max-claim.
  int max_claim = 4096;
  // Bytes of their payloads: the answer is one message, and in memory whole. --max-claim-bytes.
  int64_t max_claim_bytes = int64_t{16} << 20;
  // How long a poll may park: a thread of the master waits that long. --max-wait.
  absl::Duration max_wait = absl::Seconds(60);
  // Longer errors are cut. --max-error.
  int64_t max_error = int64_t{16} << 10;
  // Tasks a second that one caller may submit: a token or a certificate, or where nobody is asked a
  // host. 0: no limit.
  int64_t submit_rate = 0;  // --max-submit-rate
};

// Limits of the contract, without a flag: names and texts that people read, and lists that nobody
// has a reason to make longer.
inline constexpr int kMaxNameBytes = 128;  // types, queues, ids of workers and requests
inline constexpr int kMaxTextBytes = 256;  // names of batches, keys, values of labels
inline constexpr int kMaxLabels = 16;
inline constexpr int kMaxLabelNameBytes = 64;
inline constexpr int kMaxReasonBytes = 1024;  // of a cancel, of progress
inline constexpr int kMaxPriority = 100;
inline constexpr int kMaxAttempts = 1000;
inline constexpr int kMaxRetryCodes = 16;
inline constexpr int kMaxSelected = 10'000;  // ids in one cancel or retry
inline constexpr int kMaxResults = 10'000;   // in one SubmitResult
inline constexpr int kMaxHeld = 100'000;     // in one Heartbeat
// Bytes that one stream of a task may have written: beyond what a machine can write in its life,
// and far from where adding to it overflows.
inline constexpr int64_t kMaxOutputOffset = int64_t{1} << 60;
inline constexpr int kMaxQueues = 64;  // in one RequestTask
inline constexpr int kMaxTypes = 256;
inline constexpr int kMaxPage = 1000;
inline constexpr int kDefaultPage = 100;
inline constexpr absl::Duration kMaxDelay = absl::Hours(24 * 365);
inline constexpr absl::Duration kMaxBackoff = absl::Hours(24 * 30);
inline constexpr absl::Duration kMaxTimeout = absl::Hours(24 * 30);

}  // namespace tarea

#endif  // TAREA_MASTER_LIMITS_H_
