#ifndef TAREA_CLIENT_BATCH_WRITER_H_
#define TAREA_CLIENT_BATCH_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/task_ids.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Submits a batch whose tasks are not all known yet, or too many to hold in memory: gathers them
// into calls of a fitting size.
//
//     BatchWriter writer(client, "words");
//     while (std::getline(file, line)) {
//       if (absl::Status status = writer.Add(MakeTask(line)); !status.ok()) break;
//     }
//     absl::StatusOr<Submission> batch = writer.Close();
//
// A batch is only finished once it has been closed: whoever drops a writer that has sent something
// leaves an open batch behind. Not thread-safe.
class BatchWriter {
 public:
  // `total_tasks`: how many there will be, if known; lets the master refuse a batch that is too
  // large before it stores a part of it. `client` must outlive the writer.
  BatchWriter(Client& client, std::string batch_name, int64_t total_tasks = 0);

  // Takes one more task; sends those before it if a call is full. depends_on_index counts from the
  // first task of the batch. After an error every later Add and Flush returns that error again.
  absl::Status Add(v1::TaskSpec task);

  // Sends what has been added. The batch stays open. Its id is known from then on.
  absl::Status Flush();

  // Sends the rest and closes the batch. After an error closes it with what it holds, and returns
  // the error with the batch's id and the number of its tasks.
  absl::StatusOr<Submission> Close();

  // What was sent so far. batch_id is 0 before the first call.
  const Submission& submission() const { return submission_; }

 private:
  absl::Status Send(bool keep_open);
  absl::Status PointToIds(v1::TaskSpec& task) const;
  absl::Status Refused(const absl::Status& status) const;

  Client& client_;
  const std::string batch_name_;
  const int64_t total_tasks_;
  v1::SubmitTasksRequest pending_;
  int64_t pending_bytes_ = 0;
  Submission submission_;
  absl::Status status_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_BATCH_WRITER_H_
