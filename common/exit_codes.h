#ifndef TAREA_COMMON_EXIT_CODES_H_
#define TAREA_COMMON_EXIT_CODES_H_

namespace tarea {

// How the three binaries end.
enum ExitCode : int {
  kExitOk = 0,
  kExitFailed = 1,
  kExitUsage = 2,
  kExitUnreachable = 3,
  kExitDenied = 4,
  // Ended by SIGINT.
  kExitInterrupted = 130,
};

// An exit code for people: in one or two words for --help, in a sentence for the manual.
struct ExitCodeText {
  ExitCode code;
  const char* brief;
  const char* meaning;
};

// The only place that says it; --help, the man pages and their tests read it from here.
inline constexpr ExitCodeText kExitCodeTexts[] = {
    {kExitOk, "all succeeded", "All is well. The master or the worker ended as it was told to."},
    {kExitFailed, "some failed",
     "Some task failed or was cancelled, or the request was refused. The master or the worker "
     "could "
     "not start, or could not go on; its log says why."},
    {kExitUsage, "usage", "A flag, an environment variable or the configuration file is wrong."},
    {kExitUnreachable, "cannot reach the master",
     "The client could not reach the master within --connect-timeout."},
    {kExitDenied, "not allowed", "The master does not allow it."},
    {kExitInterrupted, "interrupted", "The client was interrupted by Ctrl-C."},
};

}  // namespace tarea

#endif  // TAREA_COMMON_EXIT_CODES_H_
