#ifndef TAREA_CLIENT_COMMANDS_RUN_SUBMISSION_H_
#define TAREA_CLIENT_COMMANDS_RUN_SUBMISSION_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "client/batch_writer.h"
#include "client/client.h"
#include "client/commands/descriptor_input.h"
#include "client/commands/inputs.h"
#include "client/task_ids.h"
#include "common/clock.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Makes tasks of inputs and submits them as one batch, in a thread of its own: what was submitted
// can be watched while more inputs are read.
class RunSubmission {
 public:
  struct Options {
    std::string batch_name;
    // The task for one row of inputs; `number` counts from 1. Called in the thread.
    std::function<absl::StatusOr<v1::TaskSpec>(const std::vector<std::string>& inputs,
                                               int64_t number)>
        make_task;
    // Asked before each input; true ends the submission as if the inputs had ended.
    std::function<bool()> stop;
    // Tells when inputs do not come; the thread's until it has ended. Null: cannot be told.
    InputWait* input_wait = nullptr;
    // Called in the thread if the submission failed.
    std::function<void()> on_failure;
  };

  // How it ended.
  struct End {
    // Of the submission: what the client or the master says to it.
    absl::Status status;
    // Of the inputs: one could not be read. What came before it is submitted.
    absl::Status inputs;
    // It was stopped before the inputs ended.
    bool stopped = false;
    Submission submission;
  };

  // `client` is nobody else's: a call that is broken off would leave it unknown what was submitted.
  // `rows` and `clock` must outlive it.
  RunSubmission(std::unique_ptr<Client> client, InputRows& rows, Clock& clock, Options options);
  ~RunSubmission();
  RunSubmission(const RunSubmission&) = delete;
  RunSubmission& operator=(const RunSubmission&) = delete;

  // Waits until there is a batch, and answers its id; 0 if there is none in the end.
  int64_t AwaitBatch();

  // The position of a task in the batch. Waits for the answer to the call that submitted it.
  std::optional<int64_t> PositionOf(int64_t id);

  // No input after the one that is being read.
  void Stop() { stopped_ = true; }

  // True once all is submitted, or has failed.
  bool ended() const;

  // Waits for the end.
  const End& Join();

 private:
  void Work();
  absl::Status AddTasks(BatchWriter& writer);
  void Publish(const BatchWriter& writer);

  const std::unique_ptr<Client> client_;
  InputRows& rows_;
  Clock& clock_;
  const Options options_;
  std::atomic<bool> stopped_ = false;

  mutable absl::Mutex mu_;
  Submission submission_ ABSL_GUARDED_BY(mu_);
  bool ended_ ABSL_GUARDED_BY(mu_) = false;

  // Of the thread, until it is joined.
  int64_t count_ = 0;
  End end_;
  std::thread thread_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RUN_SUBMISSION_H_
