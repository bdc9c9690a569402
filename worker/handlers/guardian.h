#ifndef TAREA_WORKER_HANDLERS_GUARDIAN_H_
#define TAREA_WORKER_HANDLERS_GUARDIAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "worker/handlers/process_tree.h"

namespace tarea {

// The process between the worker and a command. It starts the command as its child, adopts every
// orphan below itself, and ends when the last of them is gone. It sees to it that this happens:
//
//  - the command ends by itself: the others are killed;
//  - the worker asks for it: SIGTERM to all, and SIGKILL to those left after kill_after;
//  - the worker dies: all are killed.
//
// Worker and guardian talk through a SOCK_SEQPACKET socket: one byte to the guardian means stop,
// GuardianReports come back, and its end means that the other side is gone. The guardian lives in a
// session of its own with all signals blocked. If somebody kills it all the same, the command dies
// with it (PR_SET_PDEATHSIG).
struct GuardianReport {
  enum Kind : int32_t {
    kStarted,      // value: pid of the command, and of its process group from its exec on
    kNoGuardian,   // value: errno. The guardian itself has failed
    kNoDirectory,  // value: errno. kEnded follows, as after kNoProgram
    kNoProgram,    // value: errno
    kEnded,        // value: what waitpid says of the command
    kStopped,      // the same, if it had been told to stop before
  };
  Kind kind;
  int32_t value;
};

// All that is needed after the fork, made before it: the worker has many threads, and one that held
// a lock of malloc at the fork holds it forever in the copy.
struct GuardianOrders {
  std::vector<std::string> programs;  // paths to try, in this order
  std::vector<char*> argv;            // ends with nullptr, as does envp
  std::vector<char*> envp;
  const char* working_directory = nullptr;  // nullptr: the worker's
  int64_t kill_after_ms = 0;
  // The command's streams, and the guardian's end of the socket.
  int stdin_fd = -1;
  int stdout_fd = -1;
  int stderr_fd = -1;
  int control_fd = -1;
  ProcessTree tree;
};

// What the child does after a fork with all signals blocked. Async-signal-safe.
[[noreturn]] void RunGuardian(GuardianOrders& orders);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_GUARDIAN_H_
