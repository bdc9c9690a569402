#ifndef TAREA_CLIENT_COMMANDS_RUN_DISPLAY_H_
#define TAREA_CLIENT_COMMANDS_RUN_DISPLAY_H_

#include <cstdint>
#include <functional>
#include <optional>

#include "absl/status/status.h"
#include "client/commands/command.h"
#include "client/commands/ordered_results.h"
#include "client/commands/progress_display.h"
#include "client/commands/results_directory.h"
#include "client/commands/run_journal.h"
#include "client/commands/run_output.h"
#include "client/commands/wait.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Turns the news of a batch into what `client run` shows: the output of its tasks in the order that
// was asked for, files of results, and the decision to stop after too many failures. Not
// thread-safe.
class RunDisplay {
 public:
  enum class Format {
    kOutput,    // what the commands wrote
    kLines,     // a line of JSON per task
    kDocument,  // one JSON or YAML document; whole, so it does not go on where another one ended
  };

  struct Options {
    RunOrder order = RunOrder::kOfInputs;
    Format format = Format::kOutput;
    // Cancels the batch when this many tasks have failed; 0: never.
    int64_t halt_after = 0;
    // From 0, in the order of inputs: what comes before it is printed already.
    int64_t first_position = 0;
    RunPosition begin;
    // The position of a task in the batch.
    std::function<std::optional<int64_t>(int64_t id)> position_of;
    // Not null: where each task's result goes as files.
    ResultsDirectory* results = nullptr;
    // Called before the batch is told to stop.
    std::function<void()> on_halt;
  };

  // All must outlive it.
  RunDisplay(Context& context, ProgressDisplay& progress, RunOutput& output, Options options);

  // What WaitForBatch tells. Errors end the wait.
  absl::Status OnNews(const v1::WatchBatchResponse& news);

  // Of the last news.
  const v1::Batch& batch() const { return batch_; }
  const FailureList& failures() const { return failures_; }
  bool halted() const { return halted_; }
  // How many of the tasks shown wrote more than was kept.
  int64_t cut() const { return cut_; }

 private:
  absl::Status Take(const v1::Task& task);
  absl::Status Show(const v1::Task& task);
  void ShowResult(const v1::Task& task);
  absl::Status Flush();
  absl::Status Halt(int64_t batch_id);

  Context& context_;
  ProgressDisplay& progress_;
  RunOutput& output_;
  const Options options_;
  OrderedResults ordered_;
  RunChunk chunk_;
  RunPosition position_;
  v1::Batch batch_;
  FailureList failures_;
  bool halted_ = false;
  int64_t cut_ = 0;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RUN_DISPLAY_H_
