#ifndef TAREA_CLIENT_COMMANDS_OUTPUT_H_
#define TAREA_CLIENT_COMMANDS_OUTPUT_H_

#include <google/protobuf/message.h>

#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/task_ids.h"
#include "proto/tasks.pb.h"

// How things look on a terminal, and in JSON. What comes from a master is made printable here,
// whoever wrote it.
namespace tarea {

// Rows under headings, in columns that align. Cells may hold any text; it is made printable.
class Table {
 public:
  // A heading that begins with '>' makes its column align to the right.
  explicit Table(const std::vector<std::string>& headings);

  // As many cells as there are headings. Empty ones show as "-".
  void Add(std::vector<std::string> cells);

  // Prints the rows added since the last time, and before the first of all the headings. Columns
  // only grow wider from one time to the next.
  void Print(std::ostream& out);

  size_t size() const { return rows_.size(); }

 private:
  void PrintRow(const std::vector<std::string>& cells, std::ostream& out) const;

  std::vector<std::string> headings_;
  std::vector<bool> to_the_right_;
  std::vector<size_t> widths_;
  std::vector<std::vector<std::string>> rows_;
  bool headings_printed_ = false;
};

// How many columns of a terminal printable UTF-8 takes: wide characters count two.
size_t DisplayWidth(absl::string_view text);

// "ready", "succeeded" ...
std::string StateName(v1::TaskState state);
// INVALID_ARGUMENT names the states that there are.
absl::StatusOr<v1::TaskState> ParseState(absl::string_view name);
std::string OutcomeName(v1::AttemptOutcome outcome);
bool IsFinished(v1::TaskState state);

// Two units at most: "0s", "12ms", "1.5s", "42s", "5m10s", "2h5m", "3d4h".
std::string ShortDuration(absl::Duration duration);
// "3s ago", "in 5m", "now".
std::string Ago(absl::Time when, absl::Time now);
// "2026-07-01 10:00:00 (3s ago)", in the time zone of this machine.
std::string When(const google::protobuf::Timestamp& time, absl::Time now);

// "12 tasks: 11 succeeded, 1 failed".
std::string Summary(const v1::Batch& batch);
// "5 ready, 10 running"; "none".
std::string CountsText(const v1::Counts& counts);
int64_t Finished(const v1::Counts& counts);

// "NOT_FOUND: no such file".
std::string ErrorText(const v1::TaskError& error);

// A command as one would type it into a shell; control characters are escaped.
std::string ShellQuoted(const google::protobuf::RepeatedPtrField<std::string>& argv);

// `text` line by line, printable, each line after `indent`; what is beyond 4 KiB is left out and
// said so. Ends with a newline unless empty.
std::string Lines(absl::string_view text, absl::string_view indent);

// On one line. Fields that are not set are there all the same, so that scripts can rely on them.
std::string ToJson(const google::protobuf::Message& message);
// `json`, which is an object, with one more field.
std::string WithField(std::string json, absl::string_view name, absl::string_view value);
// A task; one of type "exec" also has its payload and result decoded, as exec_payload and
// exec_result.
std::string TaskJson(const v1::Task& task);
// A SubmitTasksResponse for the whole batch, and task_ids: "1..1000".
std::string SubmissionJson(const Submission& batch);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_OUTPUT_H_
