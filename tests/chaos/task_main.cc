// What the tasks of a chaos run run: writes down when it begins and ends, where no kill can take it
// away again, and behaves as badly as its arguments say. Small, because it is started ten thousand
// times.
//
//   tarea_chaos_task LOG BEHAVIOUR MILLISECONDS NONCE
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "tests/chaos/hash.h"
#include "tests/chaos/monotonic.h"

namespace tarea {
namespace {

constexpr size_t kFloodBytes = size_t{4} << 20;
constexpr time_t kForever = 3600;

int64_t Number(const char* name) {
  const char* text = getenv(name);
  return text == nullptr ? 0 : atoll(text);
}

// One write, so that lines of several processes do not mix.
bool Append(const char* path, const std::string& line) {
  const int fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
  if (fd < 0) return false;
  const bool whole = write(fd, line.data(), line.size()) == static_cast<ssize_t>(line.size());
  close(fd);
  return whole;
}

// A line as ToJsonLine writes it; that needs more than this program is worth.
std::string Line(const char* phase, const std::string& rest) {
  char text[512];
  snprintf(text, sizeof(text),
           R"({"micros":%lld,"process":"task %d","call":1,"op":"run","phase":"%s","items":[)"
           R"({"task":%lld,"attempt":%lld%s}]})"
           "\n",
           static_cast<long long>(MonotonicMicros()), getpid(), phase,
           static_cast<long long>(Number("TAREA_TASK_ID")),
           static_cast<long long>(Number("TAREA_ATTEMPT")), rest.c_str());
  return text;
}

void Sleep(int64_t millis) {
  timespec left = {static_cast<time_t>(millis / 1000),
                   static_cast<long>(millis % 1000) * 1'000'000};
  while (nanosleep(&left, &left) != 0 && errno == EINTR) {
  }
}

// A child that leaves the session and has none of our descriptors.
void LeaveOrphan() {
  if (fork() != 0) return;
  setsid();
  for (int fd = 0; fd < 16; ++fd) close(fd);
  Sleep(kForever * 1000);
  _exit(0);
}

void WriteAll(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t size = write(STDOUT_FILENO, text.data() + done, text.size() - done);
    if (size <= 0) _exit(4);
    done += static_cast<size_t>(size);
  }
}

int Run(const char* log, const std::string& behaviour, int64_t millis, const char* nonce) {
  if (!Append(log, Line("invoke", ""))) {
    fprintf(stderr, "tarea_chaos_task: cannot write to %s: %s\n", log, strerror(errno));
    return 1;
  }
  const std::string result = std::string(nonce) + " " + std::to_string(Number("TAREA_ATTEMPT")) +
                             " " + std::to_string(getpid()) + "\n";
  if (behaviour == "stubborn") signal(SIGTERM, SIG_IGN);
  if (behaviour == "orphan") LeaveOrphan();
  if (behaviour == "crash") kill(getpid(), SIGSEGV);
  Sleep(millis);
  const bool fails = behaviour == "fail" || (behaviour == "flaky" && Number("TAREA_ATTEMPT") == 1);
  if (!fails) {
    WriteAll(result);
    if (behaviour == "flood") WriteAll(std::string(kFloodBytes, 'x'));
  }
  // ResultOutcome: 1 succeeded, 2 failed.
  const std::string rest =
      fails ? R"(,"outcome":2)" : R"(,"outcome":1,"result":)" + std::to_string(HashOf(result));
  Append(log, Line("ok", rest));
  return fails ? 3 : 0;
}

}  // namespace
}  // namespace tarea

int main(int argc, char** argv) {
  if (argc != 5) {
    fprintf(stderr, "usage: tarea_chaos_task LOG BEHAVIOUR MILLISECONDS NONCE\n");
    return 2;
  }
  return tarea::Run(argv[1], argv[2], atoll(argv[3]), argv[4]);
}
