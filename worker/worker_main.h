#ifndef TAREA_WORKER_WORKER_MAIN_H_
#define TAREA_WORKER_WORKER_MAIN_H_

#include <map>
#include <string>

#include "worker/handler.h"

namespace tarea {

// The whole `main` of a worker program: flags, logging, signals, the built-in handlers, and those
// in `handlers` by type. Returns the exit code.
//
//     int main(int argc, char** argv) {
//       return tarea::WorkerMain(argc, argv, {{"resize", Resize}});
//     }
//
// A handler of one's own replaces a built-in one of the same type. Call it before any other thread
// is started: it blocks SIGTERM, SIGINT and SIGUSR1 and waits for them.
int WorkerMain(int argc, char** argv, const std::map<std::string, Handler>& handlers);

}  // namespace tarea

#endif  // TAREA_WORKER_WORKER_MAIN_H_
