#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

class Workers : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    return app.add_subcommand("workers", "List the workers that were heard of recently");
  }

  int Run(Context& context) override {
    const auto workers = context.client().Workers();
    if (!workers.ok()) return context.Fail(workers.status());
    if (context.flags.json) {
      context.out() << ToJson(*workers) << "\n";
      return kExitOk;
    }
    if (workers->workers().empty()) {
      context.Note(absl::StrCat("there are no workers; to start one: worker --master ",
                                context.flags.masters[0]));
      return kExitOk;
    }
    Table table({"NAME", "ID", "HOST", ">PID", ">TASKS", ">SLOTS", "QUEUES", "TYPES", "HEARD OF",
                 "VERSION"});
    for (const v1::Worker& worker : workers->workers()) {
      const v1::WorkerInfo& info = worker.info();
      table.Add({info.name(), info.id(), info.host(), absl::StrCat(info.pid()),
                 absl::StrCat(worker.held()), absl::StrCat(info.slots()),
                 absl::StrJoin(worker.queues(), ","),
                 worker.types().empty() ? "any" : absl::StrJoin(worker.types(), ","),
                 absl::StrCat(ShortDuration(FromProto(worker.idle())), " ago"), info.version()});
    }
    table.Print(context.out());
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeWorkers() { return std::make_unique<Workers>(); }

}  // namespace tarea
