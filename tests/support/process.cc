#include "tests/support/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <sstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tarea {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(5);

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> environment;
  for (char** variable = environ; *variable != nullptr; ++variable) {
    const absl::string_view text = *variable;
    const std::string name(text.substr(0, text.find('=')));
    if (absl::StartsWith(name, "TAREA_") || added.count(name) > 0) continue;
    environment.emplace_back(text);
  }
  if (added.count("TAREA_CONFIG") == 0) environment.emplace_back("TAREA_CONFIG=/dev/null");
  for (const auto& [name, value] : added) environment.push_back(absl::StrCat(name, "=", value));
  return environment;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  pointers.reserve(strings.size() + 1);
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

// All that the child needs, made before the fork: after it, in a program with threads, only calls
// that are safe in a signal handler are.
struct Plan {
  std::vector<char*> arguments;
  std::vector<char*> environment;
  const char* directory = nullptr;
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  pid_t parent = 0;
};

[[noreturn]] void Fail(const char* what, const char* why) {
  for (const char* text : {"cannot run ", what, ": ", why, "\n"}) {
    if (write(STDERR_FILENO, text, strlen(text)) < 0) break;
  }
  _exit(127);
}

[[noreturn]] void RunChild(const Plan& plan) {
  dup2(plan.stdin_fd, STDIN_FILENO);
  dup2(plan.stdout_fd, STDOUT_FILENO);
  dup2(plan.stderr_fd, STDERR_FILENO);
  close_range(STDERR_FILENO + 1, ~0U, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);  // it ended before the line above
  sigset_t none;
  sigemptyset(&none);
  pthread_sigmask(SIG_SETMASK, &none, nullptr);
  // A shell lets what it runs in the background ignore SIGINT; the client would respect that.
  signal(SIGINT, SIG_DFL);
  if (plan.directory != nullptr && chdir(plan.directory) != 0) {
    Fail(plan.directory, strerrordesc_np(errno));
  }
  execvpe(plan.arguments[0], plan.arguments.data(), plan.environment.data());
  Fail(plan.arguments[0], strerrordesc_np(errno));
}

int OpenFile(const std::string& path, int flags) {
  const int fd = open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd < 0) abort();
  return fd;
}

}  // namespace

std::string ToString(const ProcessEnd& end) {
  return end.signal != 0 ? absl::StrCat("signal ", end.signal)
                         : absl::StrCat("exit code ", end.code);
}

std::ostream& operator<<(std::ostream& out, const ProcessEnd& end) { return out << ToString(end); }

Process::Process(const std::string& program, const std::vector<std::string>& arguments,
                 const ProcessOptions& options) {
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> environment = Environment(options.environment);
  Plan plan;
  plan.arguments = Pointers(argv);
  plan.environment = Pointers(environment);
  if (!options.working_directory.empty()) plan.directory = options.working_directory.c_str();
  const std::string stdin_path = files_.path() + "/stdin";
  WriteFile(stdin_path, options.input);
  plan.stdin_fd = OpenFile(stdin_path, O_RDONLY);
  plan.stdout_fd = OpenFile(files_.path() + "/stdout", O_WRONLY | O_CREAT | O_APPEND);
  plan.stderr_fd = OpenFile(files_.path() + "/stderr", O_WRONLY | O_CREAT | O_APPEND);
  plan.parent = getpid();
  pid_ = fork();
  if (pid_ == 0) RunChild(plan);
  if (pid_ < 0) abort();
  close(plan.stdin_fd);
  close(plan.stdout_fd);
  close(plan.stderr_fd);
}

Process::~Process() {
  Kill(SIGKILL);
  Wait(absl::InfiniteDuration());
}

void Process::Kill(int signal) {
  // Once it is reaped the number may be another process's.
  if (!end_.has_value()) kill(pid_, signal);
}

std::optional<ProcessEnd> Process::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    if (end_.has_value()) return end_;
    int status = 0;
    if (waitpid(pid_, &status, WNOHANG) == pid_) {
      end_ = WIFSIGNALED(status) ? ProcessEnd{.signal = WTERMSIG(status)}
                                 : ProcessEnd{.code = WEXITSTATUS(status)};
      return end_;
    }
    if (absl::Now() >= deadline) return std::nullopt;
    absl::SleepFor(kPoll);
  }
}

std::string Process::Output() const { return ReadFile(files_.path() + "/stdout"); }
std::string Process::Log() const { return ReadFile(files_.path() + "/stderr"); }

bool Process::AwaitLog(absl::string_view text, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  for (;;) {
    // Asked before the log is read: what a process that ended has written is all there.
    const bool ended = Wait(absl::ZeroDuration()).has_value();
    if (absl::StrContains(Log(), text)) return true;
    if (ended || absl::Now() >= deadline) return false;
    absl::SleepFor(kPoll);
  }
}

std::string BinPath(const std::string& name) { return absl::StrCat(TAREA_BIN_DIR, "/", name); }

std::string ReadFile(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path, std::ios::binary).rdbuf();
  return content.str();
}

void WriteFile(const std::string& path, absl::string_view content) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file) abort();
}

}  // namespace tarea
