#include "tests/chaos/programs.h"

#include <signal.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tarea {

void Program::Tick() {
  if (process_ != nullptr) {
    if (const std::optional<ProcessEnd> end = process_->Wait(absl::ZeroDuration())) Ended(*end);
    return;
  }
  if (absl::Now() < start_at_) return;
  killed_ = frozen_ = false;
  allowed_now_ = allowed_;
  process_ = std::make_unique<Process>(setup_.binary, setup_.arguments,
                                       ProcessOptions{.environment = setup_.environment});
  ++starts_;
}

void Program::Allow(const std::string& text) {
  allowed_.insert(text);
  allowed_now_.insert(text);
}

bool Program::IsAllowed(const ProcessEnd& end, const std::string& log) const {
  if (end.signal != 0) return kill_allowed_ && end.signal == SIGKILL;
  // What it ended of, and not what else it has to complain about.
  const size_t begin = log.rfind(" critical ");
  if (end.code != 1 || begin == std::string::npos) return false;
  const std::string why = log.substr(begin, log.find('\n', begin) - begin);
  return std::any_of(allowed_now_.begin(), allowed_now_.end(),
                     [&](const std::string& text) { return absl::StrContains(why, text); });
}

void Program::Ended(const ProcessEnd& end) {
  const std::string log = process_->Log();
  if (!killed_ && !IsAllowed(end, log)) {
    const size_t tail = log.size() > 800 ? log.size() - 800 : 0;
    journal_.Broken(absl::StrCat(setup_.name, " ended by itself with ", ToString(end),
                                 "; its log ends: ", log.substr(tail)));
  }
  KeepLog();
  process_.reset();
  start_at_ = absl::Now() + setup_.pause;
}

void Program::KeepLog() {
  std::ofstream file(setup_.log, std::ios::app);
  file << process_->Log() << process_->Output() << "--- end of start " << starts_ << "\n";
}

void Program::Kill(int signal, const std::string& why) {
  if (process_ == nullptr) return;
  journal_.Fault(absl::StrCat(why, ": ", setup_.name));
  killed_ = true;
  if (frozen_) process_->Kill(SIGCONT);
  process_->Kill(signal);
}

void Program::Freeze(const std::string& why) {
  if (process_ == nullptr) return;
  journal_.Fault(absl::StrCat(why, ": ", setup_.name));
  frozen_ = true;
  process_->Kill(SIGSTOP);
}

void Program::Thaw() {
  if (process_ == nullptr || !frozen_) return;
  frozen_ = false;
  process_->Kill(SIGCONT);
}

void Program::Finish() {
  if (process_ == nullptr) return;
  Thaw();
  process_->Kill(SIGTERM);
  const std::optional<ProcessEnd> end = process_->Wait();
  if (!end.has_value()) {
    journal_.Broken(absl::StrCat(setup_.name, " does not end on SIGTERM"));
  } else if (*end != ProcessEnd{} && !killed_) {
    journal_.Broken(absl::StrCat(setup_.name, " ended with ", ToString(*end), " on SIGTERM"));
  }
  KeepLog();
  process_.reset();
}

int64_t Program::CountInLog(const std::string& text) const {
  const std::string log = ReadFile(setup_.log);
  int64_t count = 0;
  for (size_t at = log.find(text); at != std::string::npos; at = log.find(text, at + 1)) ++count;
  return count;
}

}  // namespace tarea
