#ifndef TAREA_WORKER_HANDLERS_ISOLATION_H_
#define TAREA_WORKER_HANDLERS_ISOLATION_H_

#include <sys/types.h>

#include "absl/status/status.h"

// A guardian, and with it its commands, in a PID namespace of its own (pid_namespaces(7)): they see
// no other processes and can signal none, and all of them end with the guardian, which is the first
// process there.
namespace tarea {

// Tries whether this process may do that. Where it may not it first moves to a user namespace of
// its own, in which it is who it was and no other user is there, unless `changes_user`: commands
// are to be other users'. Call it while there is one thread, and before HideMemory.
// FAILED_PRECONDITION: the system does not allow it.
absl::Status PrepareIsolation(bool changes_user);

// As fork, but the child is the first process of new namespaces; it calls EnterIsolation next. -1
// and errno if the system refuses.
pid_t ForkIsolated();

// In the child: /proc has the processes of the namespace, and programs that are started from here
// on get no right to change that, also not as root. False and errno if the system refuses.
// Async-signal-safe.
bool EnterIsolation();

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_ISOLATION_H_
