// A client of one's own: submits one task per file that is named on the command line, and prints
// the results as they come. Goes with word_count_worker.cc.
//
//   build/bin/word_count_client 127.0.0.1:50051 README.md LICENSE
#include <iostream>
#include <string>
#include <vector>

#include "client/client.h"

int main(int argc, char** argv) {
  if (argc < 3) {
    std::cerr << "usage: word_count_client HOST:PORT FILE...\n";
    return 2;
  }
  tarea::Client client({.masters = {argv[1]}});
  std::vector<tarea::v1::TaskSpec> tasks;
  for (int i = 2; i < argc; ++i) {
    tarea::v1::TaskSpec& task = tasks.emplace_back();
    task.set_type("word_count");
    task.set_payload(argv[i]);
    // Read it in vain twice, then say so.
    task.mutable_retry()->set_max_attempts(2);
    (*task.mutable_labels())["file"] = argv[i];
  }
  const absl::StatusOr<tarea::Submission> batch = client.Submit("word counts", std::move(tasks));
  if (!batch.ok()) {
    std::cerr << batch.status() << "\n";
    return 1;
  }
  bool all_succeeded = true;
  const absl::Status status = client.Watch(
      batch->batch_id, {.with_result = true}, [&](const tarea::v1::WatchBatchResponse& news) {
        for (const tarea::v1::Task& task : news.tasks()) {
          const bool succeeded = task.state() == tarea::v1::TASK_STATE_SUCCEEDED;
          all_succeeded = all_succeeded && succeeded;
          std::cout << task.spec().labels().at("file") << ": "
                    << (succeeded ? task.result() : task.error().message()) << "\n";
        }
        return absl::OkStatus();
      });
  if (!status.ok()) std::cerr << status << "\n";
  return status.ok() && all_succeeded ? 0 : 1;
}
