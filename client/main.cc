#include <signal.h>
#include <unistd.h>

#include <iostream>
#include <thread>

#include "client/commands/cli.h"
#include "client/commands/console_input.h"
#include "common/exit_codes.h"
#include "common/grpc_log.h"

namespace {

// The signals that the client takes itself: SIGINT, unless whoever started it said that it is to be
// ignored, and one that tells the thread below to end.
sigset_t BlockSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGUSR1);
  struct sigaction now = {};
  sigaction(SIGINT, nullptr, &now);
  if (now.sa_handler != SIG_IGN) sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  return signals;
}

// The first SIGINT asks the command to stop, the second one does not ask.
void WaitForSignals(const sigset_t& signals, tarea::Interruption& interruption, int stop_input) {
  int signal = 0;
  while (sigwait(&signals, &signal) == 0 && signal == SIGINT) {
    if (interruption.raised()) _exit(tarea::kExitInterrupted);
    interruption.Raise();
    close(stop_input);
  }
}

}  // namespace

int main(int argc, char** argv) {
  // Before any thread is started, so that all have it.
  const sigset_t signals = BlockSignals();
  int stop[2] = {-1, -1};
  if (pipe(stop) != 0) {
    std::cerr << "client: cannot open a pipe\n";
    return tarea::kExitFailed;
  }
  tarea::Interruption interruption;
  std::thread waiter([&] { WaitForSignals(signals, interruption, stop[1]); });

  tarea::ConsoleInput input(STDIN_FILENO, stop[0]);
  std::istream in(&input);
  const int exit = tarea::RunClient(argc, argv,
                                    {.in = in,
                                     .out = std::cout,
                                     .err = std::cerr,
                                     .in_is_terminal = isatty(STDIN_FILENO) == 1,
                                     .out_terminal = tarea::DescribeTerminal(STDOUT_FILENO),
                                     .err_terminal = tarea::DescribeTerminal(STDERR_FILENO),
                                     .interruption = &interruption,
                                     .init_logging = [](const tarea::LogOptions& options) {
                                       tarea::RouteGrpcLog();
                                       return tarea::InitLogging("client", options);
                                     }});
  pthread_kill(waiter.native_handle(), SIGUSR1);
  waiter.join();
  return exit;
}
