#ifndef TAREA_CLIENT_COMMANDS_TASK_FLAGS_H_
#define TAREA_CLIENT_COMMANDS_TASK_FLAGS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/cli_fwd.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Flags and arguments that several commands have. What they write to must outlive `app`.

// `what` is "task" or "batch": for the error about what is no id.
CLI::Option* AddId(CLI::App& app, const std::string& name, absl::string_view what, int64_t& id,
                   const std::string& help);
// May be given several times, or as a list with commas.
CLI::Option* AddIds(CLI::App& app, const std::string& name, absl::string_view what,
                    std::vector<int64_t>& ids, const std::string& help);

// --label NAME=VALUE (AddPairs).
CLI::Option* AddLabels(CLI::App& app, std::map<std::string, std::string>& labels,
                       const std::string& help);

// What may be said of any task that is submitted.
struct TaskFlags {
  std::string batch_name;
  std::string queue;
  int32_t priority = 0;
  std::optional<int32_t> retries;  // not set: the master's default
  std::optional<absl::Duration> backoff;
  std::optional<absl::Duration> delay;
  std::optional<absl::Duration> timeout;  // of one attempt
  std::optional<absl::Duration> expires_in;
  std::map<std::string, std::string> labels;
  std::vector<int64_t> after;

  // Answers the option --retries.
  CLI::Option* AddTo(CLI::App& app);
  void ApplyTo(v1::TaskSpec& task) const;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TASK_FLAGS_H_
