#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

class Queues : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub = app.add_subcommand("queues", "List the queues; pause one, or let it go on");
    sub->add_option("action", action_, "pause: hand out no more of its tasks; resume: do again")
        ->check(CLI::IsMember({"pause", "resume"}));
    sub->add_option("queue", queue_, "The queue");
    return sub;
  }

  int Run(Context& context) override {
    if (action_.empty()) return ShowAll(context);
    if (queue_.empty()) return context.Usage(absl::StrCat("which queue is to ", action_, "?"));
    const absl::Status status = action_ == "pause" ? context.client().PauseQueue(queue_)
                                                   : context.client().ResumeQueue(queue_);
    if (!status.ok()) return context.Fail(status);
    if (context.flags.json) {
      context.out() << "{}\n";
    } else {
      context.out() << "queue " << Printable(queue_)
                    << (action_ == "pause" ? " is paused" : " goes on") << "\n";
    }
    return kExitOk;
  }

 private:
  static int ShowAll(Context& context);

  std::string action_;
  std::string queue_;
};

int Queues::ShowAll(Context& context) {
  const auto queues = context.client().Queues();
  if (!queues.ok()) return context.Fail(queues.status());
  if (context.flags.json) {
    context.out() << ToJson(*queues) << "\n";
    return kExitOk;
  }
  if (queues->queues().empty()) {
    context.Note("there are no queues yet; the first task makes one");
    return kExitOk;
  }
  Table table({"QUEUE", "STATE", ">BLOCKED", ">SCHEDULED", ">READY", ">RUNNING", ">SUCCEEDED",
               ">FAILED", ">CANCELLED", ">OLDEST READY", "TYPES"});
  for (const v1::Queue& queue : queues->queues()) {
    const v1::Counts& counts = queue.counts();
    table.Add(
        {queue.name(), queue.paused() ? "paused" : "active", absl::StrCat(counts.blocked()),
         absl::StrCat(counts.scheduled()), absl::StrCat(counts.ready()),
         absl::StrCat(counts.running()), absl::StrCat(counts.succeeded()),
         absl::StrCat(counts.failed()), absl::StrCat(counts.cancelled()),
         queue.has_oldest_ready_age() ? ShortDuration(FromProto(queue.oldest_ready_age())) : "",
         absl::StrJoin(queue.types(), ",")});
  }
  table.Print(context.out());
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeQueues() { return std::make_unique<Queues>(); }

}  // namespace tarea
