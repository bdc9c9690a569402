#ifndef TAREA_BENCH_ECHO_SERVER_H_
#define TAREA_BENCH_ECHO_SERVER_H_

#include <string>

namespace tarea {

// Serves tarea.bench.Echo on a port of this machine that the kernel picks, with synchronous gRPC
// and its defaults, and writes the address to `address_file` once it takes calls. Does not return
// unless it cannot start, and then the exit code.
int EchoServerMain(const std::string& address_file);

}  // namespace tarea

#endif  // TAREA_BENCH_ECHO_SERVER_H_
