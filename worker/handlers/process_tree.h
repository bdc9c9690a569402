#ifndef TAREA_WORKER_HANDLERS_PROCESS_TREE_H_
#define TAREA_WORKER_HANDLERS_PROCESS_TREE_H_

#include <sys/types.h>

#include <memory>

namespace tarea {

// Finds and signals the descendants of the calling process, through /proc. A process can move away
// from its group and session, but not from its ancestors: if the caller is a "child subreaper"
// (prctl(2)), orphans below it become its own children.
//
// One call may miss processes that are being forked; who wants all of them gone calls Kill again
// until waitpid says that there is no child left. Everything but the constructor is
// async-signal-safe, so that it can be used after the fork of a process with many threads.
class ProcessTree {
 public:
  // A call finds no more than this many. 64 KiB.
  static constexpr int kMaxProcesses = 8192;

  ProcessTree();

  // Whether this system lists the children of a process (Linux with CONFIG_PROC_CHILDREN and /proc
  // mounted).
  static bool Supported();

  // SIGTERM to the process group `group` as a whole and to each descendant outside of it, once;
  // then SIGCONT, so that stopped ones get to see it.
  void Terminate(pid_t group);

  // SIGKILL to each descendant and its process group: all of a group die at once, so a fork bomb
  // cannot outrun it. The caller must lead a session of its own, lest its group die too.
  void Kill();

 private:
  struct Process {
    pid_t pid;
    pid_t parent;
  };

  void Collect();
  void AddChildrenOf(pid_t parent);
  void AddChildrenOf(pid_t parent, int children_fd);

  const std::unique_ptr<Process[]> found_;  // parents before children
  int count_ = 0;
};

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_PROCESS_TREE_H_
