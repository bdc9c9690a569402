#ifndef TAREA_CLIENT_COMMANDS_OUTPUT_H_
#define TAREA_CLIENT_COMMANDS_OUTPUT_H_

#include <google/protobuf/map.h>
#include <google/protobuf/message.h>

#include <cstdint>
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

// "ready", "succeeded" ...
std::string StateName(v1::TaskState state);
// One of these words, or "waiting" (blocked, scheduled, ready), "unfinished" (waiting, running),
// "finished" (succeeded, failed, cancelled). INVALID_ARGUMENT names what there is.
absl::StatusOr<std::vector<v1::TaskState>> ParseStates(absl::string_view name);
std::string OutcomeName(v1::AttemptOutcome outcome);
bool IsFinished(v1::TaskState state);
// "open", "running", "succeeded", "failed", or "cancelled" if that is why some did not succeed.
std::string BatchState(const v1::Batch& batch);
// "active", or "draining" if it takes no more tasks.
std::string WorkerState(const v1::Worker& worker);

// Two units at most: "0s", "12ms", "1.5s", "42s", "5m10s", "2h5m", "3d4h".
std::string ShortDuration(absl::Duration duration);
// "3s ago", "in 5m", "now".
std::string Ago(absl::Time when, absl::Time now);
// "2026-07-01 10:00:00 (3s ago)", in the time zone of this machine.
std::string When(const google::protobuf::Timestamp& time, absl::Time now);

// "120 tasks/s", "1.5 tasks/s", "12 tasks/min".
std::string Rate(double per_second);
// "40% resizing", printable.
std::string ProgressText(const v1::Progress& progress);

// "12 tasks: 11 succeeded, 1 failed".
std::string Summary(const v1::Batch& batch);
// "5 ready, 10 running"; "none".
std::string CountsText(const v1::Counts& counts);
int64_t Finished(const v1::Counts& counts);
// Blocked, scheduled and ready.
int64_t Waiting(const v1::Counts& counts);

// "NOT_FOUND: no such file".
std::string ErrorText(const v1::TaskError& error);

// "a=b c=d", sorted and printable.
std::string Pairs(const google::protobuf::Map<std::string, std::string>& map);

// A command as one would type it into a shell; control characters are escaped.
std::string ShellQuoted(const google::protobuf::RepeatedPtrField<std::string>& argv);

// `text` line by line, printable, each line after `indent`; what is beyond 4 KiB is left out and
// said so. Lines longer than `columns` are wrapped, unless that is 0. Ends with a newline unless
// empty.
std::string Lines(absl::string_view text, absl::string_view indent, int columns = 0);

// On one line. Fields that are not set are there all the same, so that scripts can rely on them.
std::string ToJson(const google::protobuf::Message& message);
// `json`, which is an object, with one more field.
std::string WithField(std::string json, absl::string_view name, absl::string_view value);
// A task; one of type "exec" also has its payload and result decoded, as exec_payload and
// exec_result.
std::string TaskJson(const v1::Task& task);
// News of a watch; the tasks in it as TaskJson has them.
std::string WatchJson(const v1::WatchBatchResponse& news);
// A SubmitTasksResponse for the whole batch, and task_ids: "1..1000".
std::string SubmissionJson(const Submission& batch);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_OUTPUT_H_
