#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/commands/command.h"
#include "client/commands/filter.h"
#include "client/commands/output.h"
#include "client/commands/table.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

std::string QueueState(const v1::Queue& queue) { return queue.paused() ? "paused" : "active"; }

FilterValue FieldOf(const v1::Queue& queue, absl::string_view field) {
  const v1::Counts& counts = queue.counts();
  if (field == "queue") return {.texts = {queue.name()}};
  if (field == "state") return {.texts = {QueueState(queue)}};
  if (field == "type") return {.texts = {queue.types().begin(), queue.types().end()}};
  if (field == "oldest") {
    return {.number = absl::ToDoubleSeconds(FromProto(queue.oldest_ready_age()))};
  }
  const int64_t count = field == "waiting"     ? Waiting(counts)
                        : field == "ready"     ? counts.ready()
                        : field == "running"   ? counts.running()
                        : field == "succeeded" ? counts.succeeded()
                        : field == "failed"    ? counts.failed()
                                               : counts.cancelled();
  return {.number = static_cast<double>(count)};
}

class Queues : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  int Act(Context& context) const;
  int ShowAll(Context& context) const;

  std::string action_;
  std::string queue_;
  Filter filter_;
};

CLI::App* Queues::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("queues", "List the queues; pause one, or let it go on");
  sub->add_option("action", action_, "pause: hand out no more of its tasks; resume: do again")
      ->check(CLI::IsMember({"pause", "resume"}));
  sub->add_option("queue", queue_, "The queue");
  AddFilter(*sub,
            {{"queue"},
             {"state"},
             {"type"},
             {"waiting", FilterField::kNumber},
             {"ready", FilterField::kNumber},
             {"running", FilterField::kNumber},
             {"succeeded", FilterField::kNumber},
             {"failed", FilterField::kNumber},
             {"cancelled", FilterField::kNumber},
             {"oldest", FilterField::kAge}},
            filter_);
  return sub;
}

int Queues::Run(Context& context) {
  if (action_.empty()) return ShowAll(context);
  if (queue_.empty()) return context.Usage(absl::StrCat("which queue is to ", action_, "?"));
  if (!filter_.empty()) return context.Usage(absl::StrCat(action_, " goes without --filter"));
  return Act(context);
}

int Queues::Act(Context& context) const {
  const absl::Status status = action_ == "pause" ? context.client().PauseQueue(queue_)
                                                 : context.client().ResumeQueue(queue_);
  if (!status.ok()) return context.Fail(status);
  if (context.flags.json) {
    context.PrintDocument("{}");
  } else {
    context.out() << "queue " << Printable(queue_)
                  << (action_ == "pause" ? " is paused" : " goes on") << "\n";
  }
  return kExitOk;
}

void AddRow(const v1::Queue& queue, Table& table) {
  const v1::Counts& counts = queue.counts();
  table.Add({queue.name(), QueueState(queue), absl::StrCat(counts.blocked()),
             absl::StrCat(counts.scheduled()), absl::StrCat(counts.ready()),
             absl::StrCat(counts.running()), absl::StrCat(counts.succeeded()),
             absl::StrCat(counts.failed()), absl::StrCat(counts.cancelled()),
             queue.has_oldest_ready_age() ? ShortDuration(FromProto(queue.oldest_ready_age())) : "",
             absl::StrJoin(queue.types(), ",")});
}

int Queues::ShowAll(Context& context) const {
  const auto queues = context.client().Queues();
  if (!queues.ok()) return context.Fail(queues.status());
  using enum TableColumn::Align;
  Table table({{.heading = "QUEUE", .cut_to = 8},
               {.heading = "STATE", .leave_out = 3, .state = true},
               {.heading = "BLOCKED", .align = kRight, .leave_out = 9},
               {.heading = "SCHEDULED", .align = kRight, .leave_out = 8},
               {.heading = "READY", .align = kRight},
               {.heading = "RUNNING", .align = kRight, .leave_out = 1},
               {.heading = "SUCCEEDED", .align = kRight, .leave_out = 6},
               {.heading = "FAILED", .align = kRight, .leave_out = 2},
               {.heading = "CANCELLED", .align = kRight, .leave_out = 7},
               {.heading = "OLDEST READY", .align = kRight, .leave_out = 4},
               {.heading = "TYPES", .leave_out = 5, .cut_to = 8}},
              context.look());
  if (context.flags.json) context.PrintList("queues");
  for (const v1::Queue& queue : queues->queues()) {
    if (!filter_.Matches([&](absl::string_view field) { return FieldOf(queue, field); })) continue;
    if (context.flags.json) {
      context.PrintListItem(ToJson(queue));
    } else {
      AddRow(queue, table);
    }
  }
  if (context.flags.json) return kExitOk;
  if (queues->queues().empty()) {
    context.Note("there are no queues yet; the first task makes one");
  } else if (table.size() == 0) {
    context.Note("no queue matches");
  } else {
    table.Print(context.out());
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeQueues() { return std::make_unique<Queues>(); }

}  // namespace tarea
