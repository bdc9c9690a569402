#include <errno.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "client/batch_writer.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/takers.h"
#include "client/commands/task_flags.h"
#include "client/commands/wait.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxShownExisting = 10;

class Submit : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  absl::Status ReadPayload(Context& context);
  v1::TaskSpec Task() const;
  absl::StatusOr<Submission> Send(Client& client) const;
  void Tell(Context& context, const Submission& batch) const;
  void WarnIfNobodyTakes(Context& context) const;
  absl::Status WaitForIt(Context& context, int64_t batch_id, v1::Batch& last) const;

  TaskFlags flags_;
  std::string type_;
  std::string payload_;
  std::string payload_file_;
  std::string key_;
  int64_t count_ = 1;
  int32_t max_attempts_ = 0;
  bool wait_ = false;
};

CLI::App* Submit::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("submit", "Submit tasks as one batch");
  sub->add_option("--type", type_, "Which handler works the tasks")->required();
  CLI::Option* payload = sub->add_option("--payload", payload_, "Input of the handler");
  sub->add_option("--payload-file", payload_file_, "The same from a file; - is stdin")
      ->excludes(payload);
  sub->add_option("--count", count_, "How many tasks, all alike")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->capture_default_str();
  CLI::Option* retries = flags_.AddTo(*sub);
  sub->add_option("--max-attempts", max_attempts_, "Attempts in all, 3 when not given")
      ->check(CLI::Range(1, 1000))
      ->excludes(retries);
  sub->add_option("--key", key_, "Makes the task unique in its queue until it is finished");
  sub->add_flag("--wait", wait_, "Wait until all are finished");
  return sub;
}

absl::Status Submit::ReadPayload(Context& context) {
  if (payload_file_.empty()) return absl::OkStatus();
  std::ifstream file;
  errno = 0;
  if (payload_file_ != "-") file.open(payload_file_, std::ios::binary);
  std::istream& in = payload_file_ == "-" ? context.in() : file;
  // Not with an iterator: reading a directory, which opens like a file, would throw.
  char buffer[4096];
  while (in.read(buffer, sizeof(buffer)) || in.gcount() > 0) payload_.append(buffer, in.gcount());
  if (in.bad() || (payload_file_ != "-" && !file.is_open())) {
    const std::string name = payload_file_ == "-" ? "stdin" : Printable(payload_file_, 1024);
    return absl::InvalidArgumentError(absl::StrCat("--payload-file: cannot read ", name, ": ",
                                                   std::generic_category().message(errno)));
  }
  return absl::OkStatus();
}

v1::TaskSpec Submit::Task() const {
  v1::TaskSpec task;
  task.set_type(type_);
  task.set_payload(payload_);
  task.set_key(key_);
  flags_.ApplyTo(task);
  if (max_attempts_ > 0) task.mutable_retry()->set_max_attempts(max_attempts_);
  return task;
}

absl::StatusOr<Submission> Submit::Send(Client& client) const {
  BatchWriter writer(client, flags_.batch_name, count_);
  const v1::TaskSpec task = Task();
  for (int64_t i = 0; i < count_; ++i) {
    if (!writer.Add(task).ok()) break;  // Close returns the error
  }
  return writer.Close();
}

// Whoever does not wait would not learn it. Best effort: a note, and no more.
void Submit::WarnIfNobodyTakes(Context& context) const {
  const std::string queue = flags_.queue.empty() ? "default" : flags_.queue;
  const auto workers = context.client().Workers();
  if (!workers.ok() || AnyTakes(*workers, type_, queue)) return;
  const std::string why = WhyNobodyTakes(*workers, type_, queue, context.flags.masters[0]);
  context.Note(Printable(why, 1024));
}

int Submit::Run(Context& context) {
  if (!key_.empty() && count_ > 1) {
    return context.Usage(absl::StrCat("--key ", Printable(key_),
                                      " can be that of one task, not of ", count_, " (--count)"));
  }
  if (absl::Status status = ReadPayload(context); !status.ok()) {
    return context.Usage(status.message());
  }
  const absl::StatusOr<Submission> batch = Send(context.client());
  if (!batch.ok()) {
    const int exit = context.Fail(batch.status());
    if (exit == kExitInterrupted) context.Note("to see whether it was accepted: client status");
    return exit;
  }
  const bool json = context.flags.json;
  if (!json) Tell(context, *batch);
  if (!wait_ && batch->task_ids.stored() > 0) WarnIfNobodyTakes(context);
  std::string document = SubmissionJson(*batch);
  int exit = kExitOk;
  if (wait_ && batch->task_ids.stored() > 0) {
    v1::Batch last;
    const absl::Status status = WaitForIt(context, batch->batch_id, last);
    if (!status.ok()) {
      exit = context.Fail(status);
      context.Note(absl::StrCat("batch ", batch->batch_id, " goes on; to wait again: client watch ",
                                batch->batch_id));
    } else {
      exit = BatchExit(last);
      if (!json) context.out() << Summary(last) << "\n";
    }
    document = WithField(std::move(document), "batch", ToJson(last));
  }
  if (json) context.PrintDocument(document);
  return exit;
}

void Submit::Tell(Context& context, const Submission& batch) const {
  const TaskIds& ids = batch.task_ids;
  context.out() << "batch " << batch.batch_id << ": " << CountOf(ids.stored(), "task")
                << " accepted";
  if (ids.stored() > 0) context.out() << " (" << ids.ToString() << ")";
  context.out() << std::endl;
  size_t shown = 0;
  for (const auto& [position, id] : ids.existing()) {
    if (shown++ == kMaxShownExisting) {
      context.out() << "and " << ids.existing().size() - kMaxShownExisting << " more\n";
      break;
    }
    context.out() << "not added: unfinished task " << id << " has the key " << Printable(key_)
                  << "\n";
  }
}

absl::Status Submit::WaitForIt(Context& context, int64_t batch_id, v1::Batch& last) const {
  FailureList failures;
  absl::Status status =
      WaitForBatch(context, {.batch_id = batch_id, .type = type_, .queue = flags_.queue},
                   [&](const v1::WatchBatchResponse& news) {
                     last = news.batch();
                     for (const v1::Task& task : news.tasks()) {
                       if (task.state() != v1::TASK_STATE_SUCCEEDED) failures.Add(task);
                     }
                     return absl::OkStatus();
                   });
  failures.Print(context, batch_id);
  return status;
}

}  // namespace

std::unique_ptr<Command> MakeSubmit() { return std::make_unique<Submit>(); }

}  // namespace tarea
