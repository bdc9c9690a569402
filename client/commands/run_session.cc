#include "client/commands/run_session.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/output.h"
#include "client/commands/progress_display.h"
#include "client/commands/results_directory.h"
#include "client/commands/run_display.h"
#include "client/commands/run_journal.h"
#include "client/commands/run_output.h"
#include "client/commands/wait.h"
#include "common/convert.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

// Journals of runs that nobody came back to.
constexpr absl::Duration kKeepJournals = absl::Hours(24 * 30);
// Those of runs that came to their end: long enough for somebody who was killed at that moment.
constexpr absl::Duration kKeepFinished = absl::Hours(24);

RunDisplay::Format FormatOf(Context& context) {
  if (!context.flags.json) return RunDisplay::Format::kOutput;
  return context.stream().format() == OutputFormat::kJsonLines ? RunDisplay::Format::kLines
                                                               : RunDisplay::Format::kDocument;
}

RunKey KeyOf(const v1::Batch& batch) {
  return {.batch_id = batch.id(), .created_at = absl::ToUnixNanos(FromProto(batch.created_at()))};
}

// What a run needs from the first result to the last.
class Session {
 public:
  Session(Context& context, const RunOptions& options, int64_t batch_id)
      : context_(context),
        options_(options),
        batch_id_(batch_id),
        format_(FormatOf(context)),
        order_(options.as_completed ? RunOrder::kOfCompletion : RunOrder::kOfInputs),
        progress_(context.err(), context.clock(),
                  {.style = options.Style(context.console().err_terminal.is_terminal),
                   .colours = context.console().err_terminal.colours,
                   .fd = context.console().err_fd,
                   .columns = context.console().err_terminal.columns}) {
    context_.SetProgress(&progress_);
  }
  ~Session() { context_.SetProgress(nullptr); }

  int Follow(RunSubmission& submission);
  int Resume();

 private:
  // Null if the run cannot be resumed; that is said.
  std::unique_ptr<RunJournal> NewJournal(const RunKey& key);
  absl::StatusOr<std::unique_ptr<RunJournal>> OldJournal(const RunKey& key);
  RunJournal::Options JournalOptions() const;
  absl::Status OpenResults(const RunKey& key);

  absl::Status BeginFollowing(RunSubmission& submission);
  absl::Status CheckCommands();
  absl::Status BeginResuming();
  absl::Status CloseIfOpen(const v1::Batch& batch);
  absl::Status LearnTasks();

  absl::Status Watch();
  int EndWell(const FailureList& failures);
  int EndEarly(const absl::Status& status, const RunSubmission::End* end);
  int Interrupted(const RunSubmission::End* end);
  std::string HowToGoOn() const;

  Context& context_;
  const RunOptions& options_;
  const int64_t batch_id_;
  const RunDisplay::Format format_;
  RunOrder order_;
  ProgressDisplay progress_;
  std::unique_ptr<ResultsDirectory> results_;
  std::unique_ptr<RunOutput> output_;
  std::unique_ptr<RunDisplay> display_;
  RunDisplay::Options display_options_;
  TaskIds ids_;  // of a batch that is resumed
  bool was_open_ = false;
};

RunJournal::Options Session::JournalOptions() const {
  const Console& console = context_.console();
  return {.directory = console.state_directory + "/runs",
          .out_fd = console.out_fd,
          .err_fd = console.err_fd};
}

std::unique_ptr<RunJournal> Session::NewJournal(const RunKey& key) {
  const Console& console = context_.console();
  if (console.out_fd < 0 || console.err_fd < 0 || format_ == RunDisplay::Format::kDocument) {
    return nullptr;
  }
  if (console.state_directory.empty()) {
    context_.Note("neither XDG_STATE_HOME nor HOME is set, so this run cannot be resumed");
    return nullptr;
  }
  const RunJournal::Options options = JournalOptions();
  const absl::Time now = context_.Now();
  RunJournal::RemoveOlderThan(options.directory, now - kKeepJournals, now - kKeepFinished);
  auto journal = RunJournal::Create(options, key, order_);
  if (journal.ok()) return *std::move(journal);
  context_.Note(absl::StrCat(journal.status().message(), "; so this run cannot be resumed"));
  return nullptr;
}

absl::StatusOr<std::unique_ptr<RunJournal>> Session::OldJournal(const RunKey& key) {
  if (format_ == RunDisplay::Format::kDocument) return nullptr;
  const Console& console = context_.console();
  if (!console.state_directory.empty() && console.out_fd >= 0 && console.err_fd >= 0) {
    auto journal = RunJournal::Open(JournalOptions(), key);
    if (journal.ok() || !absl::IsNotFound(journal.status())) return journal;
  }
  context_.Note(absl::StrCat("nothing is known here of what was printed of batch ", key.batch_id,
                             ", so all of it follows"));
  return NewJournal(key);
}

absl::Status Session::OpenResults(const RunKey& key) {
  if (options_.results.empty()) return absl::OkStatus();
  absl::StatusOr<ResultsDirectory> results = ResultsDirectory::Open(options_.results, key);
  if (!results.ok()) return results.status();
  results_ = std::make_unique<ResultsDirectory>(*std::move(results));
  return absl::OkStatus();
}

absl::Status Session::BeginFollowing(RunSubmission& submission) {
  const absl::StatusOr<v1::Batch> batch = context_.client().GetBatch(batch_id_);
  if (!batch.ok()) return batch.status();
  const RunKey key = KeyOf(*batch);
  output_ = std::make_unique<RunOutput>(context_, progress_, NewJournal(key));
  display_options_.position_of = [&submission](int64_t id) { return submission.PositionOf(id); };
  display_options_.on_halt = [&submission] { submission.Stop(); };
  return OpenResults(key);
}

// A batch that `run` submitted has commands and nothing else.
absl::Status Session::CheckCommands() {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch_id_);
  request.set_page_size(1);
  std::string type = "exec";
  const absl::Status status = context_.client().List(request, [&](const v1::Task& task) {
    type = task.spec().type();
    return false;
  });
  if (!status.ok() || type == "exec") return status;
  return absl::FailedPreconditionError(
      absl::StrCat("batch ", batch_id_, " has no commands, but tasks of type '", Printable(type),
                   "'; to see its results: client watch ", batch_id_, " --results"));
}

absl::Status Session::BeginResuming() {
  const absl::StatusOr<v1::Batch> batch = context_.client().GetBatch(batch_id_);
  if (!batch.ok()) return batch.status();
  if (absl::Status status = CheckCommands(); !status.ok()) return status;
  const RunKey key = KeyOf(*batch);
  absl::StatusOr<std::unique_ptr<RunJournal>> journal = OldJournal(key);
  if (!journal.ok()) return journal.status();
  if (*journal != nullptr) {
    order_ = (*journal)->order();
    if (order_ == RunOrder::kOfInputs ? options_.as_completed : options_.keep_order) {
      return absl::InvalidArgumentError(absl::StrCat(
          "batch ", batch_id_, " was printed ",
          order_ == RunOrder::kOfInputs ? "in the order of its inputs" : "as its tasks finished",
          " so far; go on so, without ",
          options_.as_completed ? "--as-completed" : "--keep-order"));
    }
    display_options_.begin = (*journal)->position();
  }
  output_ = std::make_unique<RunOutput>(context_, progress_, *std::move(journal));
  // First of all: a file's length tells what arrived in it only as long as nobody writes to it.
  if (absl::Status status = output_->PrintRest(); !status.ok()) return status;
  if (absl::Status status = OpenResults(key); !status.ok()) return status;
  if (absl::Status status = CloseIfOpen(*batch); !status.ok()) return status;
  display_options_.position_of = [this](int64_t id) { return ids_.PositionOf(id); };
  display_options_.on_halt = [] {};
  return LearnTasks();
}

// Its submitter has ended, or it would hold the journal; on another machine the user knows.
absl::Status Session::CloseIfOpen(const v1::Batch& batch) {
  if (!batch.open()) return absl::OkStatus();
  was_open_ = true;
  context_.Note(absl::StrCat("whoever submitted batch ", batch_id_,
                             " ended before its last input; it has ",
                             CountOf(batch.total(), "task"), ", and gets no more"));
  return context_.client().CloseBatch(batch_id_);
}

// Which tasks there are, and files of results for what finished before.
absl::Status Session::LearnTasks() {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch_id_);
  request.set_page_size(1000);
  request.set_with_result(results_ != nullptr);
  absl::Status written;
  const absl::Status status = context_.client().List(request, [&](const v1::Task& task) {
    v1::SubmitTasksResponse answer;
    answer.set_first_task_id(task.id());
    ids_.Append(answer, 1);
    if (task.id() <= display_options_.begin.last_id) ++display_options_.first_position;
    if (results_ != nullptr && IsFinished(task.state())) {
      written = results_->Write(ids_.size(), task);
    }
    return written.ok();
  });
  return status.ok() ? written : status;
}

absl::Status Session::Watch() {
  display_options_.order = order_;
  display_options_.format = format_;
  display_options_.halt_after = options_.halt_after;
  display_options_.results = results_.get();
  if (format_ == RunDisplay::Format::kDocument) context_.stream().Begin("tasks");
  display_ = std::make_unique<RunDisplay>(context_, progress_, *output_, display_options_);
  return WaitForBatch(context_,
                      {.batch_id = batch_id_,
                       .type = options_.resume == 0 ? "exec" : "",
                       .queue = options_.task.queue,
                       .with_result = true,
                       .cursor = display_options_.begin.cursor},
                      [&](const v1::WatchBatchResponse& news) { return display_->OnNews(news); });
}

int Session::Follow(RunSubmission& submission) {
  absl::Status status = BeginFollowing(submission);
  if (status.ok()) status = Watch();
  // No more is asked for, also if the inputs have not come to their end: somebody cancelled the
  // batch, or its results cannot be shown.
  submission.Stop();
  if (!submission.ended() && context_.console().end_input) context_.console().end_input();
  const RunSubmission::End& end = submission.Join();
  if (!status.ok()) return EndEarly(status, &end);
  const int exit = EndOfSubmission(context_, end);
  return std::max(exit, EndWell(display_->failures()));
}

int Session::Resume() {
  absl::Status status = BeginResuming();
  if (absl::IsInvalidArgument(status)) return context_.Usage(status.message());
  if (status.ok()) status = Watch();
  if (!status.ok()) return EndEarly(status, nullptr);
  // Those that were printed before are failures, too.
  FailureList failures;
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch_id_);
  request.mutable_filter()->add_states(v1::TASK_STATE_FAILED);
  request.mutable_filter()->add_states(v1::TASK_STATE_CANCELLED);
  request.set_page_size(1000);
  status = context_.client().List(request, [&](const v1::Task& task) {
    failures.Add(task);
    return true;
  });
  if (!status.ok()) return EndEarly(status, nullptr);
  return std::max<int>(EndWell(failures), was_open_ ? kExitFailed : kExitOk);
}

int Session::EndWell(const FailureList& failures) {
  output_->Finish();
  failures.Print(context_, batch_id_);
  context_.Note(Summary(display_->batch()));
  if (display_->cut() == 0) return BatchExit(display_->batch());
  context_.Note(absl::StrCat("the output of ", CountOf(display_->cut(), "task"), " is not whole"));
  return kExitFailed;
}

// Where no journal could be made, `run` would print everything anew.
std::string Session::HowToGoOn() const {
  return output_ == nullptr || output_->has_journal()
             ? absl::StrCat("client run --resume ", batch_id_)
             : absl::StrCat("client watch ", batch_id_, " --results");
}

int Session::EndEarly(const absl::Status& status, const RunSubmission::End* end) {
  if (context_.interrupted()) return Interrupted(end);
  if (end != nullptr && !end->status.ok()) return EndOfSubmission(context_, *end);
  const int exit = context_.Fail(status);
  if (absl::IsNotFound(status) || absl::IsFailedPrecondition(status)) return exit;
  if (end != nullptr) EndOfSubmission(context_, *end);
  context_.Note(absl::StrCat("to see the rest of batch ", batch_id_, ": ", HowToGoOn()));
  return exit;
}

int Session::Interrupted(const RunSubmission::End* end) {
  if (end != nullptr) EndOfSubmission(context_, *end);
  if (options_.cancel_on_interrupt) return CancelAfterInterruption(context_, batch_id_);
  context_.Note(absl::StrCat("interrupted; batch ", batch_id_, " goes on; to come back: ",
                             HowToGoOn(), "; to stop it: client cancel --batch ", batch_id_));
  return kExitInterrupted;
}

}  // namespace

int FollowRun(Context& context, const RunOptions& options, RunSubmission& submission,
              int64_t batch_id) {
  return Session(context, options, batch_id).Follow(submission);
}

int ResumeRun(Context& context, const RunOptions& options) {
  return Session(context, options, options.resume).Resume();
}

int EndWithoutBatch(Context& context, const RunSubmission::End& end) {
  if (!end.status.ok()) return context.Fail(end.status);
  if (context.interrupted()) {
    context.Note("interrupted before anything was submitted");
    return kExitInterrupted;
  }
  if (!end.inputs.ok()) return context.Fail(end.inputs);
  context.Note("no inputs, so nothing was run; to run the command once without any: --once");
  return kExitOk;
}

int EndOfSubmission(Context& context, const RunSubmission::End& end) {
  const int64_t id = end.submission.batch_id;
  if (!end.status.ok()) {
    const int exit = context.Fail(end.status);
    context.Note(absl::StrCat("to drop what was accepted: client cancel --batch ", id));
    return exit;
  }
  if (!end.inputs.ok()) {
    context.Note(absl::StrCat(end.inputs.message(), "; batch ", id, " has the ",
                              CountOf(end.submission.task_ids.size(), "task"), " before that"));
    return kExitFailed;
  }
  if (!end.stopped) return kExitOk;
  context.Note(absl::StrCat("the inputs had not come to their end; batch ", id, " has ",
                            CountOf(end.submission.task_ids.size(), "task")));
  return kExitFailed;
}

}  // namespace tarea
