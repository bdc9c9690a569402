#include "client/batch_writer.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/connection.h"
#include "common/convert.h"
#include "common/ids.h"
#include "common/logging.h"
#include "common/status_grpc.h"

namespace tarea {
namespace {

// Tag and length around each task in the request.
constexpr int64_t kTaskOverhead = 8;

// Whether each text of the tasks is UTF-8, without the reflection by which CheckUtf8 finds them:
// that takes as long as all the rest of a submission.
bool AreUtf8(const google::protobuf::RepeatedPtrField<v1::TaskSpec>& tasks) {
  return std::all_of(tasks.begin(), tasks.end(), [](const v1::TaskSpec& task) {
    return IsUtf8(task.type()) && IsUtf8(task.queue()) && IsUtf8(task.key()) &&
           std::all_of(task.labels().begin(), task.labels().end(), [](const auto& label) {
             return IsUtf8(label.first) && IsUtf8(label.second);
           });
  });
}

}  // namespace

BatchWriter::BatchWriter(Client& client, std::string batch_name, int64_t total_tasks)
    : client_(client), batch_name_(std::move(batch_name)), total_tasks_(total_tasks) {}

absl::Status BatchWriter::Add(v1::TaskSpec task) {
  if (!status_.ok()) return status_;
  const int64_t bytes = static_cast<int64_t>(task.ByteSizeLong()) + kTaskOverhead;
  const ClientOptions& limits = client_.options_;
  if (pending_.tasks_size() > 0 && (pending_bytes_ + bytes > limits.max_call_bytes ||
                                    pending_.tasks_size() >= limits.max_call_tasks)) {
    if (absl::Status status = Send(/*keep_open=*/true); !status.ok()) return status;
  }
  if (absl::Status status = PointToIds(task); !status.ok()) return status_ = status;
  *pending_.add_tasks() = std::move(task);
  pending_bytes_ += bytes;
  return absl::OkStatus();
}

absl::Status BatchWriter::Flush() {
  if (!status_.ok() || pending_.tasks_size() == 0) return status_;
  return Send(/*keep_open=*/true);
}

absl::StatusOr<Submission> BatchWriter::Close() {
  if (status_.ok()) Send(/*keep_open=*/false).IgnoreError();
  if (status_.ok()) return submission_;
  if (submission_.batch_id == 0) return status_;
  const absl::Status error(
      status_.code(),
      absl::StrCat(status_.message(), "; batch ", submission_.batch_id, " holds only the first ",
                   submission_.task_ids.size(), " tasks"));
  // A master that cannot be reached now will not be told either; do not wait for it twice.
  if (!IsTransient(status_) && !absl::IsCancelled(status_)) {
    pending_.Clear();
    Send(/*keep_open=*/false).IgnoreError();
  }
  return error;
}

// Positions in earlier calls mean nothing to the master; their ids do.
absl::Status BatchWriter::PointToIds(v1::TaskSpec& task) const {
  const int64_t sent = submission_.task_ids.size();
  const int64_t position = sent + pending_.tasks_size();
  std::vector<int32_t> within;
  for (const int32_t index : task.depends_on_index()) {
    if (index < 0 || index >= position) {
      return absl::InvalidArgumentError(absl::StrCat("tasks[", position, "].depends_on_index is ",
                                                     index, "; it must point to an earlier task"));
    }
    if (index < sent) {
      task.add_depends_on(submission_.task_ids[index]);
    } else {
      within.push_back(static_cast<int32_t>(index - sent));
    }
  }
  task.mutable_depends_on_index()->Assign(within.begin(), within.end());
  return absl::OkStatus();
}

absl::Status BatchWriter::Send(bool keep_open) {
  // One id for the call and all its repetitions: the master stores it once.
  pending_.set_request_id(RandomId());
  pending_.set_batch_name(batch_name_);
  pending_.set_batch_id(submission_.batch_id);
  pending_.set_keep_open(keep_open);
  pending_.set_total_tasks(total_tasks_);
  if (!IsUtf8(batch_name_) || !AreUtf8(pending_.tasks())) {
    if (absl::Status status = CheckUtf8(pending_); !status.ok()) return status_ = status;
  }
  v1::SubmitTasksResponse answer;
  const absl::Status status =
      client_.connection_->Call([&](Stub& stub, grpc::ClientContext& context) {
        return stub.SubmitTasks(&context, pending_, &answer);
      });
  if (!status.ok()) return status_ = Refused(status);
  submission_.batch_id = answer.batch_id();
  submission_.task_ids.Append(answer, pending_.tasks_size());
  pending_.Clear();
  pending_bytes_ = 0;
  return absl::OkStatus();
}

// gRPC turns a message that is too large away before the master sees it, and cannot say which task
// made it so.
absl::Status BatchWriter::Refused(const absl::Status& status) const {
  if (!IsMessageTooLarge(status)) return status;
  int largest = 0;
  for (int i = 1; i < pending_.tasks_size(); ++i) {
    if (pending_.tasks(i).ByteSizeLong() > pending_.tasks(largest).ByteSizeLong()) largest = i;
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "tasks[", submission_.task_ids.size() + largest, "] has ",
      pending_.tasks(largest).ByteSizeLong(), " bytes, ", pending_.tasks(largest).payload().size(),
      " of them payload, which is more than the master takes in one message (", status.message(),
      "); put large inputs where workers can read them and submit their names"));
}

}  // namespace tarea
