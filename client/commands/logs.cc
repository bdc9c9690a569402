#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "client/commands/task_output.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

// A worker that is there says within a fraction of a second what its task has written.
constexpr absl::Duration kPatience = absl::Seconds(3);

// Tells on stderr why nothing comes, each reason once.
class StateTeller {
 public:
  explicit StateTeller(Context& context) : context_(context) {}

  void Tell(const v1::Task& task) {
    const std::pair<int, int> now(task.state(), task.attempt());
    if (std::exchange(told_, now) == now) return;
    const std::string text = Waiting(task);
    if (!text.empty()) context_.Note(absl::StrCat("task ", task.id(), " ", text));
  }

 private:
  std::string Waiting(const v1::Task& task) {
    switch (task.state()) {
      case v1::TASK_STATE_BLOCKED:
        return absl::StrCat("is blocked; it waits for task ",
                            absl::StrJoin(task.spec().depends_on(), ", "));
      case v1::TASK_STATE_SCHEDULED: {
        const absl::Duration left = FromProto(task.ready_at()) - context_.Now();
        const std::string in =
            left > absl::ZeroDuration() ? absl::StrCat(" in ", ShortDuration(left)) : " now";
        if (!task.has_error()) return absl::StrCat("is scheduled; it is ready", in);
        return absl::StrCat("failed: ", ErrorText(task.error()), "; attempt ", task.attempt() + 1,
                            " of ", task.spec().retry().max_attempts(), in);
      }
      case v1::TASK_STATE_READY:
        return "is ready; it waits for a worker";
      default:
        return "";
    }
  }

  Context& context_;
  std::pair<int, int> told_ = {v1::TASK_STATE_UNSPECIFIED, 0};
};

class Logs : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  int Follow(Context& context, TaskOutputPrinter& printer) const;
  int PrintWhatThereIs(Context& context, TaskOutputPrinter& printer) const;
  static void TellThatThereIsNone(Context& context, const v1::Task& task);

  int64_t task_id_ = 0;
  bool follow_ = false;
  bool raw_ = false;
  std::string stream_ = "both";
  std::optional<int64_t> tail_;
};

CLI::App* Logs::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("logs", "Show what a task wrote, also while it runs");
  AddId(*sub, "task", "task", task_id_, "The task")->required();
  sub->add_flag("-f,--follow", follow_,
                "Go on until the task is finished; exit code 1 if it did not succeed");
  sub->add_option("--stream", stream_,
                  "stdout, stderr, or both: each where it came from; a single one goes to stdout")
      ->check(CLI::IsMember({"stdout", "stderr", "both"}))
      ->capture_default_str();
  sub->add_option("--tail", tail_, "Begin so many bytes before the end of what is there")
      ->type_name("BYTES")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  sub->add_flag("--raw", raw_, "Let control characters through to a terminal");
  return sub;
}

void Logs::TellThatThereIsNone(Context& context, const v1::Task& task) {
  if (!IsFinished(task.state())) {
    context.Note(absl::StrCat("task ", task.id(), " is ", StateName(task.state()),
                              " and has written nothing yet; to wait for it: client logs ",
                              task.id(), " --follow"));
  } else if (task.result().empty()) {
    context.Note(absl::StrCat("task ", task.id(), " is ", StateName(task.state()),
                              ", and nothing that it wrote was kept"));
  } else if (task.spec().type() != "exec") {
    context.Note(absl::StrCat("task ", task.id(), " is finished, and only of commands the output ",
                              "is kept; for its result: client show ", task.id(), " --result"));
  }
}

// Until the worker has told all that it keeps.
int Logs::PrintWhatThereIs(Context& context, TaskOutputPrinter& printer) const {
  v1::Task task;
  bool enough = false;
  const absl::Status status = context.client().WatchTask(
      task_id_, {.max_time = kPatience}, [&](const v1::WatchTaskResponse& news) {
        if (news.has_task()) task = news.task();
        if (IsFinished(task.state())) {
          printer.Finish(news);
          return absl::OkStatus();
        }
        printer.Add(news);
        enough = news.caught_up() || task.state() != v1::TASK_STATE_RUNNING;
        return enough ? absl::CancelledError("that is all") : absl::OkStatus();
      });
  if (absl::IsDeadlineExceeded(status)) {
    // Either the worker does not speak, or the master: then it does not now, either.
    const absl::StatusOr<v1::Task> now = context.client().Get(task_id_);
    if (!now.ok()) return context.Fail(now.status());
    printer.Settle();
    context.Note(absl::StrCat("worker ", Printable(now->worker()), " does not say what task ",
                              task_id_, " has written; it may be gone, or of an older version"));
    return kExitOk;
  }
  if (!enough && !status.ok()) return context.Fail(status);
  if (!printer.printed()) TellThatThereIsNone(context, task);
  return kExitOk;
}

int Logs::Follow(Context& context, TaskOutputPrinter& printer) const {
  StateTeller teller(context);
  v1::Task task;
  const absl::Status status =
      context.client().WatchTask(task_id_, {}, [&](const v1::WatchTaskResponse& news) {
        if (news.has_task()) task = news.task();
        if (IsFinished(task.state())) {
          printer.Finish(news);
          return absl::OkStatus();
        }
        printer.Add(news);
        // Unless it was read just before the run that the output is of began.
        if (news.has_task() && news.attempt() <= task.attempt()) teller.Tell(task);
        // Nobody reads any more what is printed (client logs --follow | head).
        return context.out() ? absl::OkStatus() : absl::CancelledError("stdout was closed");
      });
  if (!status.ok()) {
    const int exit = context.Fail(status);
    if (exit == kExitInterrupted || exit == kExitUnreachable) {
      context.Note(absl::StrCat("task ", task_id_, " goes on; to follow it again: client logs ",
                                task_id_, " --follow"));
    }
    return exit;
  }
  if (task.state() == v1::TASK_STATE_SUCCEEDED) return kExitOk;
  context.Note(absl::StrCat("task ", task_id_, " ", StateName(task.state()),
                            task.has_error() ? ": " : "", ErrorText(task.error())));
  return kExitFailed;
}

int Logs::Run(Context& context) {
  if (context.flags.json) context.stream().Begin("chunks");
  TaskOutputPrinter printer(
      context, task_id_,
      {.wanted = {stream_ != "stderr", stream_ != "stdout"}, .tail = tail_, .raw = raw_});
  return follow_ ? Follow(context, printer) : PrintWhatThereIs(context, printer);
}

}  // namespace

std::unique_ptr<Command> MakeLogs() { return std::make_unique<Logs>(); }

}  // namespace tarea
