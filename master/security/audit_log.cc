#include "master/security/audit_log.h"

#include <fcntl.h>
#include <spdlog/sinks/rotating_file_sink.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

using Line = nlohmann::ordered_json;

// Of what a caller chose.
constexpr size_t kMaxText = 512;
constexpr size_t kMaxQueues = 20;

Line Begin(absl::Time now, const std::string& address, const char* call,
           const absl::Status& outcome) {
  Line line;
  line["time"] = absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", now, absl::UTCTimeZone());
  line["call"] = call;
  line["outcome"] = absl::StatusCodeToString(outcome.code());
  if (!outcome.ok()) line["reason"] = Printable(outcome.message(), kMaxText);
  line["address"] = address;
  return line;
}

// With all that spdlog makes of it later: FILE.1, FILE.2, ...
void KeepToOwner(const spdlog::filename_t&, std::FILE* file) {
  fchmod(fileno(file), S_IRUSR | S_IWUSR);
}

// spdlog's own messages do not say what to do.
absl::Status CheckFile(const std::string& path) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fd >= 0) {
    close(fd);
    return absl::OkStatus();
  }
  const int error = errno;
  return absl::FailedPreconditionError(absl::StrCat(
      "--audit-log ", path, " cannot be written: ", std::generic_category().message(error),
      "; name a file in a directory that can"));
}

}  // namespace

AuditLog::AuditLog(std::function<absl::Time()> now, std::shared_ptr<spdlog::logger> logger)
    : now_(std::move(now)), logger_(std::move(logger)) {}

absl::StatusOr<std::unique_ptr<AuditLog>> AuditLog::Open(const AuditOptions& options) {
  std::shared_ptr<spdlog::logger> logger;
  if (!options.file.empty()) {
    if (absl::Status status = CheckFile(options.file); !status.ok()) return status;
    spdlog::file_event_handlers handlers;
    handlers.after_open = KeepToOwner;
    try {
      logger = std::make_shared<spdlog::logger>(
          "audit", std::make_shared<spdlog::sinks::rotating_file_sink_mt>(
                       options.file, static_cast<size_t>(options.max_bytes),
                       static_cast<size_t>(options.files), false, handlers));
    } catch (const spdlog::spdlog_ex& e) {
      return absl::FailedPreconditionError(absl::StrCat("--audit-log: ", e.what()));
    }
    logger->set_pattern("%v");
    logger->flush_on(spdlog::level::info);
    logger->set_error_handler(
        [](const std::string& why) { spdlog::error("the audit log cannot be written: {}", why); });
  }
  return std::unique_ptr<AuditLog>(new AuditLog(options.now, std::move(logger)));
}

void AuditLog::Record(const Caller& caller, const char* call, const absl::Status& outcome,
                      const AuditSubject& subject) {
  if (logger_ == nullptr) return;
  if (IsOneTooMany(outcome, caller.name.empty() ? caller.host() : caller.name)) return;
  Line line = Begin(now_(), caller.address, call, outcome);
  if (!caller.name.empty()) {
    line["caller"] = Printable(caller.name, kMaxText);
    line["role"] = std::string(RoleName(caller.grant.role));
  }
  if (subject.batch != 0) line["batch"] = subject.batch;
  if (subject.tasks != 0) line["tasks"] = subject.tasks;
  for (const std::string& queue : subject.queues) {
    if (line["queues"].size() >= kMaxQueues) break;
    line["queues"].push_back(Printable(queue, kMaxText));
  }
  if (const int64_t skipped = skipped_.exchange(0); skipped > 0) line["more_refused"] = skipped;
  logger_->info("{}", line.dump());
}

void AuditLog::RecordStranger(const std::string& address, const char* call,
                              const absl::Status& outcome) {
  if (logger_ == nullptr) return;
  const Caller stranger = {.name = "", .address = address, .grant = {}};
  if (IsOneTooMany(outcome, stranger.host())) return;
  Line line = Begin(now_(), address, call, outcome);
  if (const int64_t skipped = skipped_.exchange(0); skipped > 0) line["more_refused"] = skipped;
  logger_->info("{}", line.dump());
}

bool AuditLog::IsOneTooMany(const absl::Status& outcome, absl::string_view who) {
  if (outcome.ok() || refusals_.Take(who, 1, now_()) == absl::ZeroDuration()) return false;
  ++skipped_;
  return true;
}

}  // namespace tarea
