#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

#include "client/commands/cli.h"
#include "client/commands/descriptor_input.h"
#include "client/commands/terminal.h"
#include "common/exit_codes.h"
#include "common/grpc_log.h"
#include "common/mutex_checks.h"

namespace {

// The signals that the client takes itself: those that ask it to end, unless whoever started it
// said that they are to be ignored, and one that tells the thread below to end.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction now = {};
    sigaction(signal, nullptr, &now);
    if (now.sa_handler != SIG_IGN) sigaddset(&signals, signal);
  }
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// Lets stdin and other inputs end. Whoever waits for them sees a pipe closed.
class StopInput {
 public:
  explicit StopInput(int fd) : fd_(fd) {}
  void operator()() {
    if (const int fd = fd_.exchange(-1); fd >= 0) close(fd);
  }

 private:
  std::atomic<int> fd_;
};

// The first signal asks the command to stop, the second one does not ask.
void WaitForSignals(const sigset_t& signals, tarea::Interruption& interruption,
                    StopInput& stop_input) {
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal != SIGUSR1) {
    if (interruption.raised()) _exit(tarea::kExitInterrupted);
    interruption.Raise();
    stop_input();
  }
}

// Where the client keeps what outlives it; empty if there is no such place.
std::string StateDirectory() {
  const auto environment = [](const char* name) -> std::string {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
    return value == nullptr ? "" : value;
  };
  if (const std::string xdg = environment("XDG_STATE_HOME"); !xdg.empty()) return xdg + "/tarea";
  const std::string home = environment("HOME");
  return home.empty() ? "" : home + "/.local/state/tarea";
}

}  // namespace

int main(int argc, char** argv) {
  tarea::SkipMutexChecks();
  // Before any thread is started, so that all have it.
  const sigset_t signals = BlockSignals();
  int stop[2] = {-1, -1};
  if (pipe(stop) != 0) {
    std::cerr << "client: cannot open a pipe\n";
    return tarea::kExitFailed;
  }
  tarea::Interruption interruption;
  StopInput stop_input(stop[1]);
  std::thread waiter([&] { WaitForSignals(signals, interruption, stop_input); });

  tarea::InputWait input_wait(stop[0]);
  tarea::DescriptorInput input(STDIN_FILENO, &input_wait);
  std::istream in(&input);
  const int exit = tarea::RunClient(argc, argv,
                                    {.in = in,
                                     .out = std::cout,
                                     .err = std::cerr,
                                     .in_is_terminal = isatty(STDIN_FILENO) == 1,
                                     .out_terminal = tarea::DescribeTerminal(STDOUT_FILENO),
                                     .err_terminal = tarea::DescribeTerminal(STDERR_FILENO),
                                     .interruption = &interruption,
                                     .out_fd = STDOUT_FILENO,
                                     .err_fd = STDERR_FILENO,
                                     .state_directory = StateDirectory(),
                                     .input_wait = &input_wait,
                                     .end_input = [&] { stop_input(); },
                                     .init_logging =
                                         [](const tarea::LogOptions& options) {
                                           tarea::RouteGrpcLog();
                                           return tarea::InitLogging("client", options);
                                         }});
  pthread_kill(waiter.native_handle(), SIGUSR1);
  waiter.join();
  return exit;
}
