#ifndef TAREA_COMMON_MUTEX_CHECKS_H_
#define TAREA_COMMON_MUTEX_CHECKS_H_

namespace tarea {

// Ends absl's search for deadlocks, for the whole process: call it first in main. Debian's build of
// absl looks for a cycle each time a mutex is taken, which is worth having in tests, where it stays
// on, and costs a program like ours a fifth of its time.
void SkipMutexChecks();

}  // namespace tarea

#endif  // TAREA_COMMON_MUTEX_CHECKS_H_
