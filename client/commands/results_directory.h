#ifndef TAREA_CLIENT_COMMANDS_RESULTS_DIRECTORY_H_
#define TAREA_CLIENT_COMMANDS_RESULTS_DIRECTORY_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/run_journal.h"
#include "proto/tasks.pb.h"

namespace tarea {

// The results of a run as files:
//   DIR/NUMBER/stdout   what the command of task NUMBER (from 1, in the order of inputs) wrote
//   DIR/NUMBER/stderr
//   DIR/NUMBER/exit     its exit code; 128 + the signal that ended it, as a shell has it; empty if
//                       it did not run to an end
//   DIR/NUMBER/task.json   all that the master knows of the task
//   DIR/.tarea          which batch they belong to
// A task's directory appears whole or not at all. Not thread-safe.
class ResultsDirectory {
 public:
  // Makes DIR if need be. FAILED_PRECONDITION if it holds the results of another batch, or files
  // that are no results; other errors name the path and the reason.
  static absl::StatusOr<ResultsDirectory> Open(const std::string& path, const RunKey& key);

  // Whether Open could succeed for a batch that does not exist yet: DIR is empty or not there.
  static absl::Status CheckFree(const std::string& path);

  // Nothing if the task's directory is there already.
  absl::Status Write(int64_t number, const v1::Task& task);

 private:
  explicit ResultsDirectory(std::string path) : path_(std::move(path)) {}

  std::string path_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RESULTS_DIRECTORY_H_
