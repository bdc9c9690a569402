#ifndef TAREA_COMMON_EXIT_CODES_H_
#define TAREA_COMMON_EXIT_CODES_H_

namespace tarea {

// How the three binaries end; also in their --help.
enum ExitCode : int {
  kExitOk = 0,
  // client: some task failed or was cancelled, or the request was refused. master, worker: could
  // not start, or had to stop because of an error that is in the log.
  kExitFailed = 1,
  // The command line, or an environment variable that stands for a flag, is wrong.
  kExitUsage = 2,
  // client: the master cannot be reached, or did not answer within --timeout.
  kExitUnreachable = 3,
  // client: the master does not allow it.
  kExitDenied = 4,
  // Ended by SIGINT.
  kExitInterrupted = 130,
};

}  // namespace tarea

#endif  // TAREA_COMMON_EXIT_CODES_H_
