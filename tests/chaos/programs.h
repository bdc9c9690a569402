#ifndef TAREA_TESTS_CHAOS_PROGRAMS_H_
#define TAREA_TESTS_CHAOS_PROGRAMS_H_

#include <sys/types.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/chaos/journal.h"
#include "tests/support/process.h"

namespace tarea {

// A program that is started again whenever it ends. Its log goes to a file, over all starts. Use it
// from the main thread (see Process).
class Program {
 public:
  struct Setup {
    std::string name;  // of the log, and in messages
    std::string binary;
    std::vector<std::string> arguments = {};
    std::map<std::string, std::string> environment = {};
    std::string log = {};
    absl::Duration pause = absl::Milliseconds(200);  // before it is started again
  };

  // `journal` must outlive it.
  Program(Journal& journal, Setup setup) : journal_(journal), setup_(std::move(setup)) {}

  // Starts it, or starts it again if it has ended and the pause is over. An end that nobody
  // expected is a violation.
  void Tick();

  // Ends it with a signal. Whatever way it ends now is as it should be.
  void Kill(int signal, const std::string& why);
  // Stops it, and lets it go on.
  void Freeze(const std::string& why);
  void Thaw();

  // From now on it may end by itself: with exit code 1 because of something that has `text`, by its
  // log, or by SIGKILL.
  void Allow(const std::string& text);
  void AllowKill() { kill_allowed_ = true; }
  // Once it is started again, not any more.
  void Forbid(const std::string& text) { allowed_.erase(text); }
  void ForbidKill() { kill_allowed_ = false; }

  // Ends it for good. What it was, if it did not end with exit code 0 within a minute.
  void Finish();

  bool running() const { return process_ != nullptr; }
  pid_t pid() const { return process_ == nullptr ? -1 : process_->pid(); }
  int starts() const { return starts_; }
  // How often its log has `text`, over all starts that have ended.
  int64_t CountInLog(const std::string& text) const;

 private:
  bool IsAllowed(const ProcessEnd& end, const std::string& log) const;
  void Ended(const ProcessEnd& end);
  void KeepLog();

  Journal& journal_;
  const Setup setup_;
  std::unique_ptr<Process> process_;
  absl::Time start_at_ = absl::InfinitePast();
  std::set<std::string> allowed_;
  std::set<std::string> allowed_now_;  // for the process that runs
  bool kill_allowed_ = false;
  bool killed_ = false;
  bool frozen_ = false;
  int starts_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_PROGRAMS_H_
