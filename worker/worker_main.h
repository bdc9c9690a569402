#ifndef TAREA_WORKER_WORKER_MAIN_H_
#define TAREA_WORKER_WORKER_MAIN_H_

#include <map>
#include <string>
#include <vector>

#include "worker/handler.h"
#include "worker/middleware.h"

namespace tarea {

// What a worker program has besides its handlers.
struct WorkerExtras {
  // Around all handlers, the built-in ones too; the first is the outermost.
  std::vector<Middleware> middleware = {};
};

// The whole `main` of a worker program: flags, logging, signals, the built-in handlers, and those
// in `handlers` by type. Returns the exit code.
//
//     int main(int argc, char** argv) {
//       return tarea::WorkerMain(argc, argv, {{"resize", Resize}});
//     }
//
// A handler of one's own replaces a built-in one of the same type. Call it before any other thread
// is started: it blocks SIGTERM, SIGINT and SIGUSR1 and waits for them.
int WorkerMain(int argc, char** argv, const std::map<std::string, Handler>& handlers,
               const WorkerExtras& extras = {});

}  // namespace tarea

#endif  // TAREA_WORKER_WORKER_MAIN_H_
