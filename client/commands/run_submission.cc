#include "client/commands/run_submission.h"

#include <utility>

namespace tarea {
namespace {

// Inputs may come slowly, from a command that still looks for them; their tasks need not wait until
// there is enough for a call. Nor for the next input, if that does not come: see input_wait.
constexpr absl::Duration kFlushEvery = absl::Milliseconds(200);

}  // namespace

RunSubmission::RunSubmission(std::unique_ptr<Client> client, InputRows& rows, Clock& clock,
                             Options options)
    : client_(std::move(client)),
      rows_(rows),
      clock_(clock),
      options_(std::move(options)),
      thread_([this] { Work(); }) {}

RunSubmission::~RunSubmission() {
  Stop();
  if (thread_.joinable()) thread_.join();
}

int64_t RunSubmission::AwaitBatch() {
  const auto known = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ended_ || submission_.batch_id != 0;
  };
  absl::MutexLock lock(&mu_, absl::Condition(&known));
  return submission_.batch_id;
}

std::optional<int64_t> RunSubmission::PositionOf(int64_t id) {
  const auto known = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return ended_ || submission_.task_ids.PositionOf(id).has_value();
  };
  absl::MutexLock lock(&mu_, absl::Condition(&known));
  return submission_.task_ids.PositionOf(id);
}

bool RunSubmission::ended() const {
  absl::MutexLock lock(&mu_);
  return ended_;
}

const RunSubmission::End& RunSubmission::Join() {
  if (thread_.joinable()) thread_.join();
  return end_;
}

void RunSubmission::Publish(const BatchWriter& writer) {
  absl::MutexLock lock(&mu_);
  if (writer.submission().task_ids.size() != submission_.task_ids.size()) {
    submission_ = writer.submission();
  }
}

absl::Status RunSubmission::AddTasks(BatchWriter& writer) {
  std::vector<std::string> inputs;
  absl::Time flushed = clock_.Now();
  for (int64_t number = 1;; ++number) {
    if (stopped_ || options_.stop()) {
      end_.stopped = true;
      return absl::OkStatus();
    }
    if (!rows_.Next(inputs)) break;
    absl::StatusOr<v1::TaskSpec> task = options_.make_task(inputs, number);
    if (!task.ok()) {
      // What came before it is run, as with a line that cannot be read.
      end_.inputs = task.status();
      return absl::OkStatus();
    }
    count_ = number;
    if (absl::Status status = writer.Add(*std::move(task)); !status.ok()) return status;
    if (const absl::Time now = clock_.Now(); rows_.total() == 0 && now - flushed > kFlushEvery) {
      if (absl::Status status = writer.Flush(); !status.ok()) return status;
      flushed = now;
    }
    Publish(writer);
  }
  // An interruption lets stdin end early.
  end_.stopped = stopped_ || options_.stop();
  end_.inputs = rows_.status();
  return absl::OkStatus();
}

void RunSubmission::Work() {
  BatchWriter writer(*client_, options_.batch_name, rows_.total());
  if (options_.input_wait != nullptr) {
    options_.input_wait->OnIdle([&] {
      const bool flushed = writer.Flush().ok();
      Publish(writer);
      return flushed;
    });
  }
  end_.status = AddTasks(writer);
  const bool begun = writer.submission().batch_id != 0;
  // No inputs are no batch, and what was stopped or failed before the first call leaves none
  // either. A batch that was begun is closed also after an error.
  if (begun || (end_.status.ok() && !end_.stopped && count_ > 0)) {
    const absl::StatusOr<Submission> closed = writer.Close();
    if (!closed.ok()) end_.status = closed.status();
    // Somebody cancelled the batch, which also closes it.
    if (stopped_ && absl::IsFailedPrecondition(end_.status)) end_.status = absl::OkStatus();
  }
  Publish(writer);
  end_.submission = writer.submission();
  if (options_.input_wait != nullptr) options_.input_wait->OnIdle(nullptr);
  {
    absl::MutexLock lock(&mu_);
    ended_ = true;
  }
  if (!end_.status.ok()) options_.on_failure();
}

}  // namespace tarea
