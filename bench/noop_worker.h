#ifndef TAREA_BENCH_NOOP_WORKER_H_
#define TAREA_BENCH_NOOP_WORKER_H_

namespace tarea {

// `main` of a worker like any other (worker/worker_main.h), with the built-in handlers and
//   noop   returns an empty result
//   flaky  fails a task's first attempt, and does the same as noop afterwards
// Returns the exit code. To be called before any thread is started.
int NoopWorkerMain(int argc, char** argv);

}  // namespace tarea

#endif  // TAREA_BENCH_NOOP_WORKER_H_
