#ifndef TAREA_COMMON_SECRET_MEMORY_H_
#define TAREA_COMMON_SECRET_MEMORY_H_

namespace tarea {

// Other processes of the same user can neither trace this one nor read its memory and environment
// from now on, and it leaves no core dump (prctl(2), PR_SET_DUMPABLE). Its children have that too
// until they run another program.
void HideMemory();

// For a process that holds a key or a token: HideMemory, and no core dump whatever
// the system's settings say, which its children inherit.
void KeepSecretsInMemory();

}  // namespace tarea

#endif  // TAREA_COMMON_SECRET_MEMORY_H_
