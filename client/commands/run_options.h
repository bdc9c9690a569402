#ifndef TAREA_CLIENT_COMMANDS_RUN_OPTIONS_H_
#define TAREA_CLIENT_COMMANDS_RUN_OPTIONS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/commands/command_template.h"
#include "client/commands/input_source.h"
#include "client/commands/progress_display.h"
#include "client/commands/task_flags.h"
#include "common/cli_fwd.h"
#include "proto/tasks.pb.h"

namespace tarea {

// The flags of `client run`, and what they make of a task.
struct RunOptions {
  TaskFlags task;

  // Inputs.
  std::vector<std::string> files;
  std::vector<InputRange> ranges;
  bool null = false;
  bool csv = false;
  char csv_delimiter = ',';
  bool once = false;
  bool to_stdin = false;

  // The command.
  std::map<std::string, std::string> env;
  std::string working_directory;
  int64_t memory = 0;
  int64_t file_size = 0;
  std::optional<absl::Duration> cpu_time;
  bool fresh_directory = false;

  // What is done with it.
  bool dry_run = false;
  bool detach = false;
  int64_t resume = 0;
  bool cancel_on_interrupt = false;
  int64_t halt_after = 0;

  // What is shown.
  bool as_completed = false;
  bool keep_order = false;  // the default, said aloud
  std::string results;
  std::string progress = "auto";

  // All of them, with help. This must outlive `app`.
  void AddTo(CLI::App& app);

  // INVALID_ARGUMENT names flags that do not go together. `words`: whether a command is there.
  absl::Status Check(bool words) const;

  InputFormat Format() const;

  v1::ExecPayload Payload(const CommandTemplate& command, const std::vector<std::string>& inputs,
                          int64_t number) const;

  // INVALID_ARGUMENT if it cannot be submitted, whatever the master says.
  absl::StatusOr<v1::TaskSpec> Task(const CommandTemplate& command,
                                    const std::vector<std::string>& inputs, int64_t number) const;

  // `terminal`: whether stderr is one.
  ProgressStyle Style(bool terminal) const;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RUN_OPTIONS_H_
