#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/wait.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr int kTasks = 10;

absl::StatusOr<Submission> SubmitSample(Context& context) {
  std::vector<v1::TaskSpec> tasks(kTasks);
  for (int i = 0; i < kTasks; ++i) {
    tasks[i].set_type("echo");
    tasks[i].set_payload(absl::StrCat("hello ", i + 1));
  }
  absl::StatusOr<Submission> batch = context.client().Submit("sample", tasks);
  if (!batch.ok() || context.flags.json) return batch;
  context.out() << "batch " << batch->batch_id << ": " << CountOf(kTasks, "task") << " accepted\n";
  for (int i = 0; i < kTasks; ++i) {
    context.out() << "task " << batch->task_ids[i] << " accepted: echo \"" << tasks[i].payload()
                  << "\"\n";
  }
  context.out().flush();
  return batch;
}

void ShowFinished(Context& context, const v1::Task& task) {
  if (context.flags.json) {
    context.stream().Item(TaskJson(task));
    context.out().flush();
    return;
  }
  context.out() << "task " << task.id() << " " << StateName(task.state()) << ": "
                << (task.state() == v1::TASK_STATE_SUCCEEDED ? Printable(task.result(), 1024)
                                                             : ErrorText(task.error()))
                << std::endl;
}

void TellWhatNext(Context& context, int64_t batch_id) {
  context.err() << "\nTry next:\n"
                << "  client status " << batch_id << "\n"
                << "  client run -- echo hello {} ::: a b c     with a worker that has --exec\n"
                << "  client --help\n";
}

}  // namespace

int RunSample(Context& context, absl::Duration wait) {
  const absl::StatusOr<Submission> batch = SubmitSample(context);
  if (!batch.ok()) return context.Fail(batch.status());
  v1::Batch last;
  BatchWait what;
  what.batch_id = batch->batch_id;
  what.type = "echo";
  what.with_result = true;
  what.limit = wait;
  const absl::Status status = WaitForBatch(context, what, [&](const v1::WatchBatchResponse& news) {
    last = news.batch();
    for (const v1::Task& task : news.tasks()) ShowFinished(context, task);
    return absl::OkStatus();
  });
  if (!status.ok()) {
    const int exit = context.Fail(status);
    context.Note(absl::StrCat("the tasks are kept; to see their results later: client watch ",
                              batch->batch_id, " --results"));
    return exit;
  }
  if (!context.flags.json) context.out() << Summary(last) << std::endl;
  TellWhatNext(context, batch->batch_id);
  return BatchExit(last);
}

}  // namespace tarea
