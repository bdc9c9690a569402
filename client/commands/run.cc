#include <utility>

#include "absl/strings/str_cat.h"
#include "client/batch_writer.h"
#include "client/commands/command.h"
#include "client/commands/inputs.h"
#include "client/commands/ordered_results.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "client/commands/wait.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

// Results that wait for an earlier task to finish.
constexpr int64_t kMaxHeldBytes = 64 << 20;

// Inputs may come slowly, from a command that still looks for them; their tasks need not wait until
// there is enough for a call.
constexpr absl::Duration kFlushEvery = absl::Seconds(1);

constexpr char kFooter[] =
    R"(client run [OPTIONS] -- CMD [ARG...] [::: INPUT...] [:::: FILE...]

Submits one task per input and prints what they write, in the order of the inputs. They run on any
worker that was started with --exec.

In CMD and ARG, {} is the input, {.} the input without extension, {/} without directory, {//} its
directory, {/.} without both, {#} the number of the task, {1} the input of the first list, and so
on. Without any of these the input is the last argument. No shell takes part; for pipes write
sh -c 'CMD | CMD'. Without ::: inputs are the lines of stdin.

Examples:
  client run -- gzip -k {} ::: *.log
  client run -- sh -c 'wc -l < {1} > {2}' ::: a b ::: x y     every pair
  find . -name '*.wav' -print0 | client run -0 -- lame {} {.}.mp3
  client run --once -- make
)";

class RunCommand : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  bool TakesWords() const override { return true; }
  void SetWords(const std::vector<std::string>& words) override { words_ = words; }
  int Run(Context& context) override;

 private:
  absl::StatusOr<CommandLine> Parse(const Context& context) const;
  v1::ExecPayload Payload(const CommandTemplate& command, const std::vector<std::string>& inputs,
                          int64_t number) const;
  int DryRun(Context& context, const CommandTemplate& command, InputRows& rows) const;
  int Submit(Context& context, const CommandTemplate& command, InputRows& rows) const;
  absl::Status AddTasks(Context& context, const CommandTemplate& command, InputRows& rows,
                        BatchWriter& writer, int64_t& count) const;
  static absl::Status ShowTask(Context& context, const v1::Task& task);
  int ShowResults(Context& context, const Submission& batch) const;

  std::vector<std::string> words_;
  TaskFlags flags_;
  std::vector<std::string> files_;
  std::map<std::string, std::string> env_;
  std::string working_directory_;
  bool null_ = false;
  bool once_ = false;
  bool dry_run_ = false;
  bool detach_ = false;
};

CLI::App* RunCommand::AddTo(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("run", "Run a command once per input; show the output in their order");
  sub->footer(kFooter);
  flags_.retries = 2;
  flags_.AddTo(*sub)->default_str("2");
  sub->add_option("-a,--arg-file", files_, "Inputs are the lines of this file; - is stdin")
      ->allow_extra_args(false)
      ->type_name("FILE");
  sub->add_flag("-0,--null", null_, "Inputs in files end with NUL instead of a newline");
  sub->add_flag("--once", once_, "Run the command once, without inputs; leave stdin alone");
  AddPairs(*sub, "--env", env_, "Variable for the command; may be given several times");
  sub->add_option("--workdir", working_directory_, "Directory on the worker to run it in")
      ->type_name("DIR");
  sub->add_flag("--dry-run", dry_run_, "Only print what would be run");
  sub->add_flag("--detach", detach_, "Submit, print the id of the batch, and end");
  return sub;
}

// The command and all its sources: files of -a come first, stdin if there is nothing else.
absl::StatusOr<CommandLine> RunCommand::Parse(const Context& context) const {
  absl::StatusOr<CommandLine> line = ParseCommandLine(words_);
  if (!line.ok()) return line;
  std::vector<InputSource> files;
  for (const std::string& file : files_) files.push_back({.values = {}, .file = file});
  line->sources.insert(line->sources.begin(), files.begin(), files.end());
  const bool uses_inputs = CommandTemplate(line->argv).uses_inputs();
  if (once_ && (uses_inputs || !line->sources.empty())) {
    return absl::InvalidArgumentError("--once goes without inputs and without {}");
  }
  if (!once_ && line->sources.empty() && (uses_inputs || !context.in_is_terminal())) {
    line->sources.push_back({.values = {}, .file = "-"});
  }
  return line;
}

int RunCommand::Run(Context& context) {
  absl::StatusOr<CommandLine> line = Parse(context);
  if (!line.ok()) return context.Usage(line.status().message());
  const CommandTemplate command(line->argv);
  if (absl::Status status = command.Check(line->sources.size()); !status.ok()) {
    return context.Usage(status.message());
  }
  auto rows = InputRows::Open(std::move(line->sources), null_ ? '\0' : '\n', context.in());
  if (!rows.ok()) return context.Usage(rows.status().message());
  return dry_run_ ? DryRun(context, command, **rows) : Submit(context, command, **rows);
}

v1::ExecPayload RunCommand::Payload(const CommandTemplate& command,
                                    const std::vector<std::string>& inputs, int64_t number) const {
  v1::ExecPayload payload;
  for (std::string& word : command.Fill(inputs, number)) payload.add_argv(std::move(word));
  payload.mutable_env()->insert(env_.begin(), env_.end());
  payload.set_working_directory(working_directory_);
  return payload;
}

int RunCommand::DryRun(Context& context, const CommandTemplate& command, InputRows& rows) const {
  std::vector<std::string> inputs;
  for (int64_t number = 1; !context.interrupted() && rows.Next(inputs); ++number) {
    const v1::ExecPayload payload = Payload(command, inputs, number);
    if (context.flags.json) {
      if (number == 1) context.stream().Begin("commands");
      context.stream().Item(ToJson(payload));
    } else {
      context.out() << ShellQuoted(payload.argv()) << "\n";
    }
  }
  if (!rows.status().ok()) return context.Fail(rows.status());
  return context.interrupted() ? kExitInterrupted : kExitOk;
}

absl::Status RunCommand::AddTasks(Context& context, const CommandTemplate& command, InputRows& rows,
                                  BatchWriter& writer, int64_t& count) const {
  std::vector<std::string> inputs;
  absl::Time flushed = context.Now();
  while (!context.interrupted() && rows.Next(inputs)) {
    v1::TaskSpec task;
    task.set_type("exec");
    const v1::ExecPayload payload = Payload(command, inputs, ++count);
    if (absl::Status status = CheckUtf8(payload); !status.ok()) return status;
    task.set_payload(payload.SerializeAsString());
    flags_.ApplyTo(task);
    if (absl::Status status = writer.Add(std::move(task)); !status.ok()) return status;
    if (const absl::Time now = context.Now(); rows.total() == 0 && now - flushed > kFlushEvery) {
      if (absl::Status status = writer.Flush(); !status.ok()) return status;
      flushed = now;
    }
  }
  // Stdin ends early then.
  return context.interrupted() ? absl::CancelledError("interrupted") : absl::OkStatus();
}

int RunCommand::Submit(Context& context, const CommandTemplate& command, InputRows& rows) const {
  // Only a call that is answered tells which batch to cancel; so none is broken off.
  const std::unique_ptr<Client> client = context.UninterruptedClient();
  BatchWriter writer(*client, flags_.batch_name, rows.total());
  int64_t count = 0;
  const absl::Status status = AddTasks(context, command, rows, writer, count);
  if (absl::IsCancelled(status)) {
    const int64_t id = writer.submission().batch_id;
    if (id != 0) return CancelAfterInterruption(context, id);
    context.Note("interrupted before anything was submitted");
    return kExitInterrupted;
  }
  if (status.ok() && count == 0) {
    if (!rows.status().ok()) return context.Fail(rows.status());
    context.Note("no inputs, so nothing was run; to run the command once without any: --once");
    return kExitOk;
  }
  // After an error of its own the writer closes what it has opened.
  const absl::StatusOr<Submission> batch = writer.Close();
  if (batch.ok() && context.interrupted()) {
    return CancelAfterInterruption(context, batch->batch_id);
  }
  if (!batch.ok()) {
    const int exit = context.Fail(batch.status());
    if (const int64_t id = writer.submission().batch_id; id != 0) {
      context.Note(absl::StrCat("to drop what was accepted: client cancel --batch ", id));
    }
    return exit;
  }
  if (!rows.status().ok()) {
    context.Note(absl::StrCat(rows.status().message(), "; batch ", batch->batch_id,
                              " has the tasks before that and goes on"));
    return kExitFailed;
  }
  if (!detach_) return ShowResults(context, *batch);
  if (context.flags.json) {
    context.PrintDocument(SubmissionJson(*batch));
  } else {
    context.out() << batch->batch_id << "\n";
  }
  return kExitOk;
}

// What a command wrote goes out as it is: the user asked for just that.
absl::Status RunCommand::ShowTask(Context& context, const v1::Task& task) {
  v1::ExecResult result;
  if (context.flags.json) {
    context.stream().Item(TaskJson(task));
  } else if (result.ParseFromString(task.result())) {
    context.out() << result.stdout_data();
    if (!result.stderr_data().empty()) {
      context.out().flush();
      context.err() << result.stderr_data() << std::flush;
    }
    if (result.stdout_truncated() || result.stderr_truncated()) {
      context.Note(absl::StrCat("task ", task.id(),
                                " wrote more than the worker keeps (worker --max-output)"));
    }
  } else {
    context.Note(absl::StrCat("task ", task.id(), " has a result that exec does not make"));
  }
  if (context.out()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat("cannot write to stdout; batch ", task.batch_id(),
                                          " goes on: client watch ", task.batch_id()));
}

int RunCommand::ShowResults(Context& context, const Submission& batch) const {
  FailureList failures;
  v1::Batch last;
  OrderedResults results(
      kMaxHeldBytes, [&](int64_t id) { return context.client().Get(id); },
      [&](const v1::Task& task) {
        if (task.state() != v1::TASK_STATE_SUCCEEDED) failures.Add(task);
        return ShowTask(context, task);
      });
  const absl::Status status = WaitForBatch(
      context,
      {.batch_id = batch.batch_id, .type = "exec", .queue = flags_.queue, .with_result = true},
      [&](const v1::WatchBatchResponse& news) {
        last = news.batch();
        for (const v1::Task& task : news.tasks()) {
          const std::optional<int64_t> position = batch.task_ids.PositionOf(task.id());
          if (!position.has_value()) continue;
          if (absl::Status shown = results.Add(*position, task); !shown.ok()) return shown;
        }
        context.out().flush();
        return absl::OkStatus();
      });
  context.out().flush();
  if (!status.ok() && context.interrupted()) {
    return CancelAfterInterruption(context, batch.batch_id);
  }
  if (!status.ok()) {
    const int exit = context.Fail(status);
    context.Note(absl::StrCat("to wait for the rest: client watch ", batch.batch_id, " --results"));
    return exit;
  }
  failures.Print(context, batch.batch_id);
  context.Note(Summary(last));
  return BatchExit(last);
}

}  // namespace

std::unique_ptr<Command> MakeRun() { return std::make_unique<RunCommand>(); }

}  // namespace tarea
