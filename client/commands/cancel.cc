#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

class Cancel : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub = app.add_subcommand("cancel", "Cancel tasks, or a whole batch");
    AddIds(*sub, "tasks", "task", task_ids_, "The tasks");
    AddId(*sub, "--batch", "batch", batch_id_, "All unfinished tasks of this batch");
    sub->add_option("--reason", reason_, "For people; shown as the tasks' error");
    return sub;
  }

  int Run(Context& context) override {
    if (task_ids_.empty() == (batch_id_ == 0)) {
      return context.Usage("what is to be cancelled? Give either ids of tasks or --batch ID");
    }
    v1::CancelTasksRequest request;
    request.mutable_task_ids()->Assign(task_ids_.begin(), task_ids_.end());
    request.set_batch_id(batch_id_);
    request.set_reason(reason_);
    const auto answer = context.client().Cancel(request);
    if (!answer.ok()) return context.Fail(answer.status());
    if (context.flags.json) {
      context.PrintDocument(ToJson(*answer));
    } else {
      context.out() << answer->cancelled() << " cancelled, " << answer->stopping()
                    << " running and told to stop, " << answer->finished() << " finished already\n";
    }
    return kExitOk;
  }

 private:
  std::vector<int64_t> task_ids_;
  int64_t batch_id_ = 0;
  std::string reason_;
};

}  // namespace

std::unique_ptr<Command> MakeCancel() { return std::make_unique<Cancel>(); }

}  // namespace tarea
