#include <CLI/CLI.hpp>
#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "client/commands/wait.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

class Watch : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  void Show(Context& context, const v1::WatchBatchResponse& news) const;
  static void ShowResult(Context& context, const v1::Task& task);

  int64_t batch_id_ = 0;
  int64_t cursor_ = 0;
  bool results_ = false;
};

CLI::App* Watch::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("watch", "Show the tasks of a batch as they finish");
  AddId(*sub, "batch", "batch", batch_id_, "The batch")->required();
  sub->add_option("--cursor", cursor_, "Begin after this point, which an earlier watch told")
      ->check(CLI::Range(int64_t{0}, std::numeric_limits<int64_t>::max()));
  sub->add_flag("--results", results_, "Show the results too");
  return sub;
}

void Watch::ShowResult(Context& context, const v1::Task& task) {
  v1::ExecResult exec;
  if (task.spec().type() == "exec" && exec.ParseFromString(task.result())) {
    context.out() << Lines(exec.stdout_data(), "  ") << Lines(exec.stderr_data(), "  ! ");
  } else {
    context.out() << Lines(task.result(), "  ");
  }
}

void Watch::Show(Context& context, const v1::WatchBatchResponse& news) const {
  if (context.flags.json) {
    Documents& documents = context.stream();
    if (documents.format() == OutputFormat::kJsonLines) {
      documents.Item(WatchJson(news));
    } else {
      for (const v1::Task& task : news.tasks()) documents.Item(TaskJson(task));
    }
    context.out().flush();
    return;
  }
  // The counts are those after the last task of the message.
  int64_t finished = Finished(news.batch().counts()) - news.tasks_size();
  for (const v1::Task& task : news.tasks()) {
    const std::string state = StateName(task.state());
    context.out() << "[" << std::max<int64_t>(++finished, 1) << "/" << news.batch().total()
                  << "] task " << task.id() << " "
                  << (context.look().colours ? ColouredState(state, state) : state);
    if (task.has_started_at()) {
      const absl::Duration took = FromProto(task.finished_at()) - FromProto(task.started_at());
      context.out() << " after " << ShortDuration(std::max(took, absl::ZeroDuration()));
    }
    if (!task.worker().empty()) context.out() << " on " << Printable(task.worker());
    if (task.has_error()) context.out() << ": " << ErrorText(task.error());
    context.out() << "\n";
    if (results_) ShowResult(context, task);
  }
  context.out().flush();
}

int Watch::Run(Context& context) {
  v1::Batch last;
  int64_t cursor = cursor_;
  const absl::Status status =
      WaitForBatch(context, {.batch_id = batch_id_, .with_result = results_, .cursor = cursor_},
                   [&](const v1::WatchBatchResponse& news) {
                     last = news.batch();
                     cursor = news.cursor();
                     Show(context, news);
                     return absl::OkStatus();
                   });
  if (context.flags.json && last.id() > 0) {
    // What the last of the news said, as the end of the one document.
    context.stream().Begin("tasks");
    context.stream().End(
        absl::StrCat("{\"cursor\":\"", cursor, "\",\"batch\":", ToJson(last), "}"));
  }
  if (!status.ok()) {
    const int exit = context.Fail(status);
    if (exit == kExitInterrupted || exit == kExitUnreachable) {
      context.Note(absl::StrCat("batch ", batch_id_, " goes on; to watch the rest: client watch ",
                                batch_id_, " --cursor ", cursor, results_ ? " --results" : ""));
    }
    return exit;
  }
  if (!context.flags.json) context.out() << Summary(last) << "\n";
  return BatchExit(last);
}

}  // namespace

std::unique_ptr<Command> MakeWatch() { return std::make_unique<Watch>(); }

}  // namespace tarea
