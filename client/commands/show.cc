#include <CLI/CLI.hpp>
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/commands/facts.h"
#include "client/commands/output.h"
#include "client/commands/table.h"
#include "client/commands/task_flags.h"
#include "common/convert.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

class Show : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  static int WriteResult(Context& context, const v1::Task& task);

  int64_t task_id_ = 0;
  bool result_ = false;
  bool payload_ = false;
};

CLI::App* Show::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("show", "Show all about a task");
  AddId(*sub, "task", "task", task_id_, "The task")->required();
  CLI::Option* result = sub->add_flag(
      "--result", result_, "Only the bytes of its result; of exec, what the command wrote");
  sub->add_flag("--payload", payload_, "Only the bytes of its payload")->excludes(result);
  return sub;
}

// --- For people
// ------------------------------------------------------------------------------------

class Page {
 public:
  explicit Page(Context& context) : context_(context), facts_(context.out(), context.look()) {}

  void Time(absl::string_view name, bool set, const google::protobuf::Timestamp& time) {
    if (set) facts_.Line(name, When(time, context_.Now()));
  }
  void Duration(absl::string_view name, bool set, const google::protobuf::Duration& duration) {
    if (set) facts_.Line(name, ShortDuration(FromProto(duration)));
  }
  void Text(absl::string_view name, absl::string_view text) {
    facts_.Block(absl::StrCat(name, " (", CountOf(static_cast<int64_t>(text.size()), "byte"), "):"),
                 text);
  }
  // Answers false if `bytes` are no such message.
  bool ExecPayload(const std::string& bytes);
  bool ExecResult(const std::string& bytes);
  void Spec(const v1::Task& task);
  void State(const v1::Task& task);
  void Attempts(const v1::Task& task);

 private:
  Context& context_;
  Facts facts_;
};

bool Page::ExecPayload(const std::string& bytes) {
  v1::ExecPayload payload;
  if (!payload.ParseFromString(bytes) || payload.argv().empty()) return false;
  facts_.Line("command", ShellQuoted(payload.argv()));
  facts_.Line("env", Pairs(payload.env()));
  facts_.Line("directory", Printable(payload.working_directory()));
  Text("stdin", payload.stdin_data());
  return true;
}

bool Page::ExecResult(const std::string& bytes) {
  v1::ExecResult result;
  if (!result.ParseFromString(bytes)) return false;
  const std::string end = result.signal() != 0 ? absl::StrCat("ended by signal ", result.signal())
                          : result.exit_code() < 0 ? "never started"
                                                   : absl::StrCat("exit code ", result.exit_code());
  facts_.Line("result", absl::StrCat(end, " after ", ShortDuration(FromProto(result.duration()))));
  Text(result.stdout_truncated() ? "stdout, cut" : "stdout", result.stdout_data());
  Text(result.stderr_truncated() ? "stderr, cut" : "stderr", result.stderr_data());
  return true;
}

void Page::Spec(const v1::Task& task) {
  const v1::TaskSpec& spec = task.spec();
  facts_.Line("task", absl::StrCat(task.id(), " of batch ", task.batch_id()));
  facts_.Line("type", Printable(spec.type()));
  facts_.Line("queue", absl::StrCat(Printable(spec.queue()), ", priority ", spec.priority()));
  facts_.Line("key", Printable(spec.key()));
  facts_.Line("labels", Pairs(spec.labels()));
  facts_.Line("after", absl::StrJoin(spec.depends_on(), ", "));
  Duration("delay", spec.has_delay() && FromProto(spec.delay()) > absl::ZeroDuration(),
           spec.delay());
  Duration("timeout", spec.has_timeout(), spec.timeout());
  Duration("expires", spec.has_expires_in(), spec.expires_in());
}

// Where the error of a task comes from that is not finished, and so has it from before.
std::string Origin(const v1::Task& task) {
  for (auto attempt = task.attempts().rbegin(); attempt != task.attempts().rend(); ++attempt) {
    if (attempt->error().message() != task.error().message()) continue;
    return absl::StrCat(" (of attempt ", attempt->number(), ", before this)");
  }
  return " (from before it was put back)";
}

void Page::State(const v1::Task& task) {
  std::string state = StateName(task.state());
  if (task.attempt() > 0) {
    absl::StrAppend(&state, ", attempt ", task.attempt(), " of ",
                    task.spec().retry().max_attempts());
  }
  if (task.cancel_requested()) state += ", told to stop";
  facts_.State("state", StateName(task.state()), state);
  Time("created", task.has_created_at(), task.created_at());
  Time("ready", task.has_ready_at() && !IsFinished(task.state()), task.ready_at());
  Time("started", task.has_started_at(), task.started_at());
  Time("finished", task.has_finished_at(), task.finished_at());
  facts_.Line("worker", Printable(task.worker()));
  if (task.has_progress()) facts_.Line("progress", ProgressText(task.progress()));
  if (task.has_error()) {
    facts_.Line("error", absl::StrCat(ErrorText(task.error()),
                                      IsFinished(task.state()) ? "" : Origin(task)));
  }
}

void Page::Attempts(const v1::Task& task) {
  if (task.attempts().empty()) return;
  using enum TableColumn::Align;
  Table table({{.heading = "ATTEMPT", .align = kRight},
               {.heading = "OUTCOME", .state = true},
               {.heading = "WORKER", .leave_out = 3, .cut_to = 10},
               {.heading = "STARTED", .leave_out = 2},
               {.heading = "TOOK", .leave_out = 1},
               {.heading = "ERROR", .leave_out = 4, .cut_to = 15}},
              facts_.look());
  for (const v1::Attempt& attempt : task.attempts()) {
    const absl::Time started = FromProto(attempt.started_at());
    const absl::Time ended =
        attempt.has_ended_at() ? FromProto(attempt.ended_at()) : context_.Now();
    table.Add({absl::StrCat(attempt.number()), OutcomeName(attempt.outcome()), attempt.worker(),
               Ago(started, context_.Now()),
               ShortDuration(std::max(ended - started, absl::ZeroDuration())),
               attempt.has_error() ? ErrorText(attempt.error()) : ""});
  }
  context_.out() << "\n";
  table.Print(context_.out());
}

// --- The command
// -----------------------------------------------------------------------------------

int Show::WriteResult(Context& context, const v1::Task& task) {
  if (!IsFinished(task.state()) && task.result().empty()) {
    return context.Fail(absl::FailedPreconditionError(absl::StrCat(
        "task ", task.id(), " is ", StateName(task.state()), ", so there is no result yet")));
  }
  v1::ExecResult result;
  if (task.spec().type() == "exec" && result.ParseFromString(task.result())) {
    context.out() << result.stdout_data() << std::flush;
    context.err() << result.stderr_data() << std::flush;
  } else {
    context.out() << task.result();
  }
  return kExitOk;
}

int Show::Run(Context& context) {
  const absl::StatusOr<v1::Task> task = context.client().Get(task_id_);
  if (!task.ok()) return context.Fail(task.status());
  if (result_) return WriteResult(context, *task);
  if (payload_) {
    context.out() << task->spec().payload();
    return kExitOk;
  }
  if (context.flags.json) {
    context.PrintDocument(TaskJson(*task));
    return kExitOk;
  }
  const bool exec = task->spec().type() == "exec";
  Page page(context);
  page.Spec(*task);
  page.State(*task);
  if (!exec || !page.ExecPayload(task->spec().payload())) {
    page.Text("payload", task->spec().payload());
  }
  if (!exec || task->result().empty() || !page.ExecResult(task->result())) {
    page.Text("result", task->result());
  }
  page.Attempts(*task);
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeShow() { return std::make_unique<Show>(); }

}  // namespace tarea
