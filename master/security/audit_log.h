#ifndef TAREA_MASTER_SECURITY_AUDIT_LOG_H_
#define TAREA_MASTER_SECURITY_AUDIT_LOG_H_

#include <spdlog/logger.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "common/grant.h"
#include "master/security/caller.h"
#include "master/security/rate_limiter.h"
#include "master/store/task.h"

namespace tarea {

struct AuditOptions {
  std::string file;                       // empty: no such log
  int64_t max_bytes = int64_t{64} << 20;  // of one file; more than zero
  int files = 10;  // kept beside it: with audit.log, audit.1.log is the newest
  std::function<absl::Time()> now = CalendarTime;
};

// What a call was about. What is 0 or empty is not written.
struct AuditSubject {
  BatchId batch = 0;
  int64_t tasks = 0;
  std::set<std::string> queues;
};

// Who did what to which batch or queue, and who was refused: a line of JSON each. Never a payload,
// a result or a secret. Only its owner can read the file. Of refusals each caller, or host where
// nobody knows who calls, has sixty lines in a minute, so that nobody can push the others' lines
// out; the next line tells how many had none. Thread-safe.
class AuditLog {
 public:
  // Errors say what is wrong with the file.
  static absl::StatusOr<std::unique_ptr<AuditLog>> Open(const AuditOptions& options);

  // Whether anything is written.
  bool on() const { return logger_ != nullptr; }

  // What came of a call by somebody who is known, after it was done.
  void Record(const Caller& caller, const char* call, const absl::Status& outcome,
              const AuditSubject& subject = {});

  // Of calls by somebody from `address` who is not known.
  void RecordStranger(const std::string& address, const char* call, const absl::Status& outcome);

 private:
  AuditLog(std::function<absl::Time()> now, std::shared_ptr<spdlog::logger> logger);

  // Whether a refusal of `who` has to do without a line.
  bool IsOneTooMany(const absl::Status& outcome, absl::string_view who);

  const std::function<absl::Time()> now_;
  const std::shared_ptr<spdlog::logger> logger_;  // null: nothing is written
  RateLimiter refusals_{1, 60};
  std::atomic<int64_t> skipped_ = 0;
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_AUDIT_LOG_H_
