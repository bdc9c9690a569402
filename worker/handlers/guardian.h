#ifndef TAREA_WORKER_HANDLERS_GUARDIAN_H_
#define TAREA_WORKER_HANDLERS_GUARDIAN_H_

#include <sys/types.h>

#include <atomic>
#include <cstdint>

#include "worker/handlers/process_tree.h"

namespace tarea {

// The process between the worker and its commands: it runs one after the other. Each is its child,
// and it adopts every orphan below itself. It says that a command has ended only when the last
// process of it is gone, and sees to it that this happens:
//
//  - the command ends by itself: the others are killed;
//  - the worker asks for it: SIGTERM to all, and SIGKILL to those left after kill_after;
//  - the worker dies: all are killed, and the guardian ends.
//
// A guardian has one thread and no more memory of its own than it needs, so that it starts a
// command with vfork at the cost of a small program, however large the worker is. It lives in a
// session of its own with all signals blocked. If somebody kills it all the same, its command dies
// with it (PR_SET_PDEATHSIG).
//
// Worker and guardian talk through a SOCK_SEQPACKET socket: orders (orders.h) or a byte that means
// stop go to the guardian, one GuardianReport for each command comes back, and the socket's end
// means that the other side is gone. A stop that comes when the command has ended is ignored.
struct GuardianReport {
  enum Kind : int32_t {
    kEnded,        // value: what waitpid says of the command
    kStopped,      // the same, if it had been told to stop before
    kNoDirectory,  // value: errno. It did not start; as with the next four
    kNoLimits,     // value: errno
    kNoUser,       // value: errno
    kNoProgram,    // value: errno
    kNoProcess,    // value: errno
    kNoGuardian,   // value: errno. The guardian itself has failed, and ends
  };
  Kind kind;
  int32_t value;
  // From the start of the command to its end, without that of its descendants.
  int64_t duration_ns;
};

// Memory that the worker, its guardian, and the command before its exec share.
struct GuardianShared {
  // The command, and its process group; 0 if none runs.
  std::atomic<pid_t> command;
  // Why it did not start, written by itself.
  GuardianReport failure;
};

// What the child does after a fork with all signals blocked, or after ForkIsolated. `control_fd` is
// its end of the socket, and the only descriptor that it keeps. Async-signal-safe: the worker has
// many threads, and one that held a lock of malloc at the fork holds it forever in the copy.
[[noreturn]] void RunGuardian(int control_fd, bool isolated, GuardianShared& shared,
                              ProcessTree& tree);

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_GUARDIAN_H_
