#include <CLI/CLI.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/inputs.h"
#include "client/commands/output.h"
#include "client/commands/results_directory.h"
#include "client/commands/run_options.h"
#include "client/commands/run_session.h"
#include "client/commands/run_submission.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

class RunCommand : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  bool TakesWords() const override { return true; }
  void SetWords(const std::vector<std::string>& words) override { words_ = words; }
  int Run(Context& context) override;

 private:
  absl::StatusOr<CommandLine> Parse(const Context& context) const;
  int DryRun(Context& context, const CommandTemplate& command, InputRows& rows) const;
  int Submit(Context& context, const CommandTemplate& command, InputRows& rows) const;
  int Detach(Context& context, RunSubmission& submission) const;

  std::vector<std::string> words_;
  RunOptions options_;
};

CLI::App* RunCommand::AddTo(CLI::App& app) {
  CLI::App* sub =
      app.add_subcommand("run", "Run a command once per input; show the output in their order");
  sub->alias("map");
  options_.AddTo(*sub);
  return sub;
}

// The command and all its sources: files of -a come first, stdin if there is nothing else.
absl::StatusOr<CommandLine> RunCommand::Parse(const Context& context) const {
  absl::StatusOr<CommandLine> line = ParseCommandLine(words_);
  if (!line.ok()) return line;
  std::vector<InputSource> files;
  for (const std::string& file : options_.files) files.push_back({.file = file});
  for (const InputRange& range : options_.ranges) files.push_back({.range = range});
  line->sources.insert(line->sources.begin(), files.begin(), files.end());
  const bool uses_inputs = CommandTemplate(line->argv).uses_inputs();
  if (options_.once && (uses_inputs || !line->sources.empty())) {
    return absl::InvalidArgumentError("--once goes without inputs and without {}");
  }
  const bool wants_inputs =
      uses_inputs || options_.to_stdin || options_.csv || !context.in_is_terminal();
  if (!options_.once && line->sources.empty() && wants_inputs) {
    line->sources.push_back({.file = "-"});
  }
  return line;
}

int RunCommand::Run(Context& context) {
  if (absl::Status status = options_.Check(!words_.empty()); !status.ok()) {
    return context.Usage(status.message());
  }
  if (options_.resume != 0) return ResumeRun(context, options_);
  absl::StatusOr<CommandLine> line = Parse(context);
  if (!line.ok()) return context.Usage(line.status().message());
  auto rows = InputRows::Open(std::move(line->sources), options_.Format(), context.in(),
                              context.console().input_wait);
  if (!rows.ok()) {
    // An interruption lets inputs end early, also in the middle of what must be there.
    return context.interrupted() ? EndWithoutBatch(context, {})
                                 : context.Usage(rows.status().message());
  }
  const CommandTemplate command(line->argv, (*rows)->names());
  if (absl::Status status = command.Check((*rows)->names().size()); !status.ok()) {
    return context.Usage(status.message());
  }
  if (options_.dry_run) return DryRun(context, command, **rows);
  if (!options_.results.empty()) {
    if (absl::Status status = ResultsDirectory::CheckFree(options_.results); !status.ok()) {
      return context.Usage(status.message());
    }
  }
  return Submit(context, command, **rows);
}

int RunCommand::DryRun(Context& context, const CommandTemplate& command, InputRows& rows) const {
  std::vector<std::string> inputs;
  for (int64_t number = 1; !context.interrupted() && rows.Next(inputs); ++number) {
    const v1::ExecPayload payload = options_.Payload(command, inputs, number);
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

int RunCommand::Submit(Context& context, const CommandTemplate& command, InputRows& rows) const {
  // Made here, so that the thread does not have to.
  Client& watching = context.client();
  // Only a call that is answered tells what was submitted; so none is broken off.
  RunSubmission submission(
      context.UninterruptedClient(), rows, context.clock(),
      {.batch_name = options_.task.batch_name,
       .make_task = [&](const std::vector<std::string>& inputs,
                        int64_t number) { return options_.Task(command, inputs, number); },
       .stop = [&context] { return context.interrupted(); },
       .input_wait = context.console().input_wait,
       // Nobody may close the batch any more, so it is no use to wait for its end.
       .on_failure = [&watching] { watching.Interrupt(); }});
  if (options_.detach) return Detach(context, submission);
  const int64_t batch_id = submission.AwaitBatch();
  return batch_id != 0 ? FollowRun(context, options_, submission, batch_id)
                       : EndWithoutBatch(context, submission.Join());
}

int RunCommand::Detach(Context& context, RunSubmission& submission) const {
  const RunSubmission::End& end = submission.Join();
  if (end.submission.batch_id == 0) return EndWithoutBatch(context, end);
  const int exit = EndOfSubmission(context, end);
  if (!end.status.ok()) return exit;
  if (context.flags.json) {
    context.PrintDocument(SubmissionJson(end.submission));
  } else {
    context.out() << end.submission.batch_id << "\n";
  }
  return end.stopped ? kExitInterrupted : exit;
}

}  // namespace

std::unique_ptr<Command> MakeRun() { return std::make_unique<RunCommand>(); }

}  // namespace tarea
