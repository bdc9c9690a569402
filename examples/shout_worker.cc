// The smallest worker of one's own: answers with the payload in capital letters.
//
//   build/bin/shout_worker --master 127.0.0.1:50051
#include "absl/strings/ascii.h"
#include "worker/worker_main.h"

absl::StatusOr<std::string> Shout(const tarea::v1::LeasedTask& task, tarea::TaskContext&) {
  return absl::AsciiStrToUpper(task.payload());
}

int main(int argc, char** argv) { return tarea::WorkerMain(argc, argv, {{"shout", Shout}}); }
