#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/commands/command.h"
#include "client/commands/filter.h"
#include "client/commands/output.h"
#include "client/commands/table.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

FilterValue FieldOf(const v1::Worker& worker, absl::string_view field) {
  const v1::WorkerInfo& info = worker.info();
  if (field == "name") return {.texts = {info.name()}};
  if (field == "id") return {.texts = {info.id()}};
  if (field == "state") return {.texts = {WorkerState(worker)}};
  if (field == "host") return {.texts = {info.host()}};
  if (field == "version") return {.texts = {info.version()}};
  if (field == "queue") return {.texts = {worker.queues().begin(), worker.queues().end()}};
  if (field == "type") return {.texts = {worker.types().begin(), worker.types().end()}};
  if (field == "tasks") return {.number = static_cast<double>(worker.held())};
  if (field == "slots") return {.number = static_cast<double>(info.slots())};
  if (field == "heard") return {.number = absl::ToDoubleSeconds(FromProto(worker.idle()))};
  absl::ConsumePrefix(&field, "label.");
  const auto label = info.labels().find(std::string(field));
  return label == info.labels().end() ? FilterValue{} : FilterValue{.texts = {label->second}};
}

class Workers : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub = app.add_subcommand("workers", "List the workers that were heard of recently");
    AddFilter(*sub,
              {{"name"},
               {"id"},
               {"state"},
               {"host"},
               {"version"},
               {"queue"},
               {"type"},
               {"label.", FilterField::kFamily},
               {"tasks", FilterField::kNumber},
               {"slots", FilterField::kNumber},
               {"heard", FilterField::kAge}},
              filter_);
    return sub;
  }

  int Run(Context& context) override;

 private:
  Filter filter_;
};

void AddRow(const v1::Worker& worker, Table& table) {
  const v1::WorkerInfo& info = worker.info();
  table.Add({info.name(), info.id(), WorkerState(worker), info.host(), absl::StrCat(info.pid()),
             absl::StrCat(worker.held()), absl::StrCat(info.slots()),
             absl::StrJoin(worker.queues(), ","),
             worker.types().empty() ? "any" : absl::StrJoin(worker.types(), ","),
             absl::StrCat(ShortDuration(FromProto(worker.idle())), " ago"), Pairs(info.labels()),
             info.version(), worker.peer()});
}

int Workers::Run(Context& context) {
  const auto workers = context.client().Workers();
  if (!workers.ok()) return context.Fail(workers.status());
  using enum TableColumn::Align;
  Table table({{.heading = "NAME", .cut_to = 8},
               {.heading = "ID", .leave_out = 8, .cut_to = 10},
               {.heading = "STATE", .leave_out = 2, .state = true},
               {.heading = "HOST", .leave_out = 6, .cut_to = 8},
               {.heading = "PID", .align = kRight, .leave_out = 9},
               {.heading = "TASKS", .align = kRight},
               {.heading = "SLOTS", .align = kRight, .leave_out = 1},
               {.heading = "QUEUES", .leave_out = 4, .cut_to = 8},
               {.heading = "TYPES", .leave_out = 5, .cut_to = 8},
               {.heading = "HEARD OF", .leave_out = 3},
               {.heading = "LABELS", .leave_out = 7, .cut_to = 10, .only_with_text = true},
               {.heading = "VERSION", .leave_out = 10},
               {.heading = "ADDRESS", .only_wide = true}},
              context.look());
  if (context.flags.json) context.PrintList("workers");
  for (const v1::Worker& worker : workers->workers()) {
    if (!filter_.Matches([&](absl::string_view field) { return FieldOf(worker, field); })) continue;
    if (context.flags.json) {
      context.PrintListItem(ToJson(worker));
    } else {
      AddRow(worker, table);
    }
  }
  if (context.flags.json) return kExitOk;
  if (workers->workers().empty()) {
    context.Note(absl::StrCat("there are no workers; to start one: worker --master ",
                              context.flags.masters[0]));
  } else if (table.size() == 0) {
    context.Note("no worker matches");
  } else {
    table.Print(context.out());
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeWorkers() { return std::make_unique<Workers>(); }

}  // namespace tarea
