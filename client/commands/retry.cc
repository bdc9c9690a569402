#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "common/exit_codes.h"
#include "common/logging.h"

namespace tarea {
namespace {

class Retry : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub = app.add_subcommand("retry", "Try failed or cancelled tasks again");
    AddIds(*sub, "tasks", "task", task_ids_, "The tasks");
    AddId(*sub, "--batch", "batch", batch_id_, "All failed tasks of this batch");
    return sub;
  }

  int Run(Context& context) override {
    if (task_ids_.empty() == (batch_id_ == 0)) {
      return context.Usage("what is to be tried again? Give either ids of tasks or --batch ID");
    }
    v1::RetryTasksRequest request;
    request.mutable_task_ids()->Assign(task_ids_.begin(), task_ids_.end());
    request.set_batch_id(batch_id_);
    const auto answer = context.client().Retry(request);
    if (!answer.ok()) return context.Fail(answer.status());
    if (context.flags.json) {
      context.PrintDocument(ToJson(*answer));
      return kExitOk;
    }
    context.out() << CountOf(answer->retried(), "task") << " put back";
    if (answer->skipped() > 0) {
      // Of a batch only what failed is tried again, of ids also what was cancelled.
      context.out() << "; left alone: " << answer->skipped()
                    << (batch_id_ > 0
                            ? " that did not fail"
                            : " unfinished, succeeded, or waiting for a parent that failed");
    }
    context.out() << "\n";
    if (batch_id_ > 0 && answer->skipped() > 0) TellAboutCancelled(context);
    return kExitOk;
  }

 private:
  // They are left alone because somebody wanted that; best effort.
  void TellAboutCancelled(Context& context) const {
    const absl::StatusOr<v1::Batch> batch = context.client().GetBatch(batch_id_);
    if (!batch.ok() || batch->counts().cancelled() == 0) return;
    context.Note(absl::StrCat("of these, ", batch->counts().cancelled(),
                              " cancelled; to put some back: client retry ID...; which there are: "
                              "client list --batch ",
                              batch_id_, " --state cancelled"));
  }

  std::vector<int64_t> task_ids_;
  int64_t batch_id_ = 0;
};

}  // namespace

std::unique_ptr<Command> MakeRetry() { return std::make_unique<Retry>(); }

}  // namespace tarea
