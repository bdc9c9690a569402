#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "common/convert.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr char kIndent[] = "  ";

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
// --------------------------------------------------------------------------------------

class Page {
 public:
  explicit Page(Context& context) : context_(context) {}

  void Line(absl::string_view name, absl::string_view value) {
    if (value.empty()) return;
    context_.out() << absl::StrFormat("%-9s %s\n", name, value);
  }
  void Time(absl::string_view name, bool set, const google::protobuf::Timestamp& time) {
    if (set) Line(name, When(time, context_.Now()));
  }
  void Duration(absl::string_view name, bool set, const google::protobuf::Duration& duration) {
    if (set) Line(name, ShortDuration(FromProto(duration)));
  }
  void Text(absl::string_view name, absl::string_view text) {
    if (text.empty()) return;
    context_.out() << name << " (" << CountOf(static_cast<int64_t>(text.size()), "byte") << "):\n"
                   << Lines(text, kIndent);
  }
  // Answers false if `bytes` are no such message.
  bool ExecPayload(const std::string& bytes);
  bool ExecResult(const std::string& bytes);
  void Spec(const v1::Task& task);
  void State(const v1::Task& task);
  void Attempts(const v1::Task& task);

 private:
  Context& context_;
};

std::string Pairs(const google::protobuf::Map<std::string, std::string>& map) {
  std::map<std::string, std::string> sorted;
  for (const auto& [name, value] : map) sorted[Printable(name)] = Printable(value);
  return absl::StrJoin(sorted, " ", absl::PairFormatter("="));
}

bool Page::ExecPayload(const std::string& bytes) {
  v1::ExecPayload payload;
  if (!payload.ParseFromString(bytes) || payload.argv().empty()) return false;
  Line("command", ShellQuoted(payload.argv()));
  Line("env", Pairs(payload.env()));
  Line("directory", Printable(payload.working_directory()));
  Text("stdin", payload.stdin_data());
  return true;
}

bool Page::ExecResult(const std::string& bytes) {
  v1::ExecResult result;
  if (!result.ParseFromString(bytes)) return false;
  const std::string end = result.signal() != 0 ? absl::StrCat("ended by signal ", result.signal())
                          : result.exit_code() < 0 ? "never started"
                                                   : absl::StrCat("exit code ", result.exit_code());
  Line("result", absl::StrCat(end, " after ", ShortDuration(FromProto(result.duration()))));
  Text(result.stdout_truncated() ? "stdout, cut" : "stdout", result.stdout_data());
  Text(result.stderr_truncated() ? "stderr, cut" : "stderr", result.stderr_data());
  return true;
}

void Page::Spec(const v1::Task& task) {
  const v1::TaskSpec& spec = task.spec();
  Line("task", absl::StrCat(task.id(), " of batch ", task.batch_id()));
  Line("type", Printable(spec.type()));
  Line("queue", absl::StrCat(Printable(spec.queue()), ", priority ", spec.priority()));
  Line("key", Printable(spec.key()));
  Line("labels", Pairs(spec.labels()));
  Line("after", absl::StrJoin(spec.depends_on(), ", "));
  Duration("delay", spec.has_delay() && FromProto(spec.delay()) > absl::ZeroDuration(),
           spec.delay());
  Duration("timeout", spec.has_timeout(), spec.timeout());
  Duration("expires", spec.has_expires_in(), spec.expires_in());
}

void Page::State(const v1::Task& task) {
  std::string state = StateName(task.state());
  if (task.attempt() > 0) {
    absl::StrAppend(&state, ", attempt ", task.attempt(), " of ",
                    task.spec().retry().max_attempts());
  }
  if (task.cancel_requested()) state += ", told to stop";
  Line("state", state);
  Time("created", task.has_created_at(), task.created_at());
  Time("ready", task.has_ready_at() && !IsFinished(task.state()), task.ready_at());
  Time("started", task.has_started_at(), task.started_at());
  Time("finished", task.has_finished_at(), task.finished_at());
  Line("worker", Printable(task.worker()));
  if (task.has_progress()) {
    Line("progress", absl::StrFormat("%.0f%% %s", 100 * task.progress().fraction(),
                                     Printable(task.progress().message(), 1024)));
  }
  if (task.has_error()) Line("error", ErrorText(task.error()));
}

void Page::Attempts(const v1::Task& task) {
  if (task.attempts().empty()) return;
  Table table({">ATTEMPT", "OUTCOME", "WORKER", "STARTED", "TOOK", "ERROR"});
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
// ---------------------------------------------------------------------------------------

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
    context.out() << TaskJson(*task) << "\n";
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
