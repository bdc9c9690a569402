#ifndef TAREA_CLIENT_COMMANDS_WAIT_H_
#define TAREA_CLIENT_COMMANDS_WAIT_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "client/commands/command.h"
#include "proto/tasks.pb.h"

// What the commands that wait for a batch have in common.
namespace tarea {

struct BatchWait {
  int64_t batch_id = 0;
  // Whom the tasks wait for: tells which worker to start if there is none. Empty: asks the master.
  std::string type = {};
  std::string queue = {};  // empty means "default"
  bool with_result = false;
  // Begins here: WatchOptions::cursor.
  int64_t cursor = 0;
  // ABORTED after this time; DEADLINE_EXCEEDED means that the master does not answer.
  absl::Duration limit = absl::InfiniteDuration();
};

// Watches a batch to its end, as Client::Watch does. If no worker has
// taken any of it after two seconds, tells the user why that may be, once, and goes on.
absl::Status WaitForBatch(Context& context, const BatchWait& wait,
                          absl::FunctionRef<absl::Status(const v1::WatchBatchResponse&)> on_news);

// After an interruption: cancels what is left of the batch and tells what became of it. Answers the
// exit code.
int CancelAfterInterruption(Context& context, int64_t batch_id);

// 0 if every task of a finished batch succeeded, else 1.
int BatchExit(const v1::Batch& batch);

// Tells which tasks of a batch did not succeed: as many as a screen holds, as they finish.
class FailureList {
 public:
  void Add(const v1::Task& task);
  // On stderr. Nothing if all succeeded.
  void Print(Context& context, int64_t batch_id) const;

 private:
  static constexpr int kShown = 10;

  std::vector<v1::Task> shown_;
  int64_t total_ = 0;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_WAIT_H_
