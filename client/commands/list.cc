#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/commands/command.h"
#include "client/commands/filter.h"
#include "client/commands/output.h"
#include "client/commands/table.h"
#include "client/commands/task_flags.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

constexpr int64_t kMaxPage = 1000;
// Of a long list, so many rows are aligned together before they are printed.
constexpr size_t kRowsTogether = 1000;

// When it came to the state that it is in, as far as the task tells.
const google::protobuf::Timestamp& Since(const v1::Task& task) {
  if (task.has_finished_at()) return task.finished_at();
  if (task.state() == v1::TASK_STATE_RUNNING) return task.started_at();
  return task.has_ready_at() ? task.ready_at() : task.created_at();
}

FilterValue FieldOf(const v1::Task& task, absl::string_view field, absl::Time now) {
  const v1::TaskSpec& spec = task.spec();
  const auto number = [](int64_t value) {
    return FilterValue{.number = static_cast<double>(value)};
  };
  if (field == "task") return number(task.id());
  if (field == "batch") return number(task.batch_id());
  if (field == "state") return {.texts = {StateName(task.state())}};
  if (field == "type") return {.texts = {spec.type()}};
  if (field == "queue") return {.texts = {spec.queue()}};
  if (field == "key") return {.texts = {spec.key()}};
  if (field == "worker") return {.texts = {task.worker()}};
  if (field == "error") return {.texts = {task.has_error() ? ErrorText(task.error()) : ""}};
  if (field == "priority") return number(spec.priority());
  if (field == "attempt") return number(task.attempt());
  if (field == "since") return {.number = absl::ToDoubleSeconds(now - FromProto(Since(task)))};
  if (field == "age") return {.number = absl::ToDoubleSeconds(now - FromProto(task.created_at()))};
  absl::ConsumePrefix(&field, "label.");
  const auto label = spec.labels().find(std::string(field));
  return label == spec.labels().end() ? FilterValue{} : FilterValue{.texts = {label->second}};
}

class List : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  v1::ListTasksRequest Request() const;
  void LetMasterFilter(v1::TaskFilter& filter) const;
  absl::Status ReadTasks(Context& context, Table& table, int64_t& count) const;

  int64_t batch_id_ = 0;
  std::string queue_;
  std::string type_;
  std::vector<v1::TaskState> states_;
  std::map<std::string, std::string> labels_;
  Filter filter_;
  int64_t limit_ = 100;
  bool newest_ = false;
  bool payloads_ = false;
  bool results_ = false;
};

CLI::App* List::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("list", "List tasks; what is given must match");
  AddId(*sub, "--batch", "batch", batch_id_, "Of this batch");
  sub->add_option("--queue", queue_, "In this queue");
  sub->add_option("--type", type_, "Of this type");
  sub->add_option_function<std::vector<std::string>>(
         "--state",
         [this](const std::vector<std::string>& names) {
           for (const std::string& name : names) {
             const absl::StatusOr<std::vector<v1::TaskState>> states = ParseStates(name);
             if (!states.ok()) {
               const std::string why(states.status().message());
               throw CLI::ValidationError("--state", why);
             }
             states_.insert(states_.end(), states->begin(), states->end());
           }
         },
         "In one of these states; also waiting, unfinished, finished")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name(
          "STATE[,...]:{blocked,scheduled,ready,running,succeeded,failed,cancelled,"
          "waiting,unfinished,finished}");
  AddLabels(*sub, labels_, "With this label; may be given several times");
  AddFilter(*sub,
            {{"state", FilterField::kTaskState},
             {"type"},
             {"queue"},
             {"label.", FilterField::kFamily},
             {"key"},
             {"worker"},
             {"error"},
             {"task", FilterField::kNumber},
             {"batch", FilterField::kNumber},
             {"priority", FilterField::kNumber},
             {"attempt", FilterField::kNumber},
             {"since", FilterField::kAge},
             {"age", FilterField::kAge}},
            filter_);
  sub->add_option("--limit", limit_, "At most so many")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->capture_default_str();
  sub->add_flag("--newest", newest_, "The newest first");
  sub->add_flag("--payloads", payloads_, "With the payloads; only as JSON or YAML");
  sub->add_flag("--results", results_, "With the results; only as JSON or YAML");
  return sub;
}

// What the master can look for itself, it need not send. The whole filter is applied to what it
// sends all the same.
void List::LetMasterFilter(v1::TaskFilter& filter) const {
  for (const Filter::Term& term : filter_.terms()) {
    if (term.op != Filter::Op::kIs) continue;
    if (term.kind == FilterField::kTaskState && filter.states().empty()) {
      for (const std::string& name : term.values) {
        for (const v1::TaskState state : ParseStates(name).value_or(std::vector<v1::TaskState>())) {
          filter.add_states(state);
        }
      }
    }
    if (term.values.size() > 1 || term.values[0].empty()) continue;
    if (term.field == "type" && filter.type().empty()) filter.set_type(term.values[0]);
    if (term.field == "queue" && filter.queue().empty()) filter.set_queue(term.values[0]);
    if (term.field == "batch" && filter.batch_id() == 0 && term.numbers[0] >= 1 &&
        term.numbers[0] < 1e18) {
      filter.set_batch_id(static_cast<int64_t>(term.numbers[0]));
    }
    if (term.kind == FilterField::kFamily) {
      filter.mutable_labels()->insert({term.field.substr(sizeof("label.") - 1), term.values[0]});
    }
  }
}

v1::ListTasksRequest List::Request() const {
  v1::ListTasksRequest request;
  v1::TaskFilter& filter = *request.mutable_filter();
  filter.set_batch_id(batch_id_);
  filter.set_queue(queue_);
  filter.set_type(type_);
  for (const v1::TaskState state : states_) filter.add_states(state);
  filter.mutable_labels()->insert(labels_.begin(), labels_.end());
  LetMasterFilter(filter);
  // One more than is shown tells whether there are more. How many must be read for that is not
  // known if some are left out here.
  const int64_t page = filter_.empty() ? std::min(limit_, kMaxPage - 1) + 1 : kMaxPage;
  request.set_page_size(static_cast<int32_t>(page));
  request.set_newest_first(newest_);
  request.set_with_payload(payloads_);
  request.set_with_result(results_);
  return request;
}

std::vector<TableColumn> Columns() {
  using enum TableColumn::Align;
  return {{.heading = "TASK", .align = kRight},
          {.heading = "BATCH", .align = kRight, .leave_out = 6},
          {.heading = "STATE", .state = true},
          {.heading = "SINCE", .leave_out = 3},
          {.heading = "TYPE", .leave_out = 4, .cut_to = 8},
          {.heading = "QUEUE", .leave_out = 5, .cut_to = 8},
          {.heading = "ATTEMPT", .align = kRight, .leave_out = 7},
          {.heading = "WORKER", .leave_out = 8, .cut_to = 10},
          {.heading = "PRIORITY", .align = kRight, .only_wide = true},
          {.heading = "KEY", .only_wide = true},
          {.heading = "LABELS", .only_wide = true},
          {.heading = "CREATED", .only_wide = true},
          {.heading = "PAYLOAD", .align = kRight, .only_wide = true},
          {.heading = "RESULT", .align = kRight, .only_wide = true},
          {.heading = "ERROR", .leave_out = 2, .cut_to = 15}};
}

void AddRow(Context& context, const v1::Task& task, Table& table) {
  const v1::TaskSpec& spec = task.spec();
  std::string error;
  if (task.has_error()) {
    // One that waits or runs has it from an attempt before this.
    error = absl::StrCat(IsFinished(task.state()) ? "" : "before: ", ErrorText(task.error()));
  }
  table.Add({absl::StrCat(task.id()), absl::StrCat(task.batch_id()), StateName(task.state()),
             Ago(FromProto(Since(task)), context.Now()), spec.type(), spec.queue(),
             absl::StrCat(task.attempt(), "/", spec.retry().max_attempts()), task.worker(),
             absl::StrCat(spec.priority()), spec.key(), Pairs(spec.labels()),
             Ago(FromProto(task.created_at()), context.Now()), absl::StrCat(task.payload_size()),
             absl::StrCat(task.result_size()), std::move(error)});
}

absl::Status List::ReadTasks(Context& context, Table& table, int64_t& count) const {
  const absl::Time now = context.Now();
  return context.client().List(Request(), [&](const v1::Task& task) {
    if (!filter_.Matches([&](absl::string_view name) { return FieldOf(task, name, now); })) {
      return true;
    }
    if (++count > limit_) return false;
    if (context.flags.json) {
      context.stream().Item(TaskJson(task));
    } else {
      AddRow(context, task, table);
      if (table.size() >= kRowsTogether) table.Print(context.out());
    }
    return true;
  });
}

int List::Run(Context& context) {
  if ((payloads_ || results_) && !context.flags.json) {
    return context.Usage(
        absl::StrCat(payloads_ ? "--payloads" : "--results",
                     " goes with --output json, jsonl or yaml; one task's: client show ID"));
  }
  Table table(Columns(), context.look());
  int64_t count = 0;
  const absl::Status status = ReadTasks(context, table, count);
  if (table.size() > 0) table.Print(context.out());
  context.out().flush();
  if (!status.ok()) return context.Fail(status);
  if (context.flags.json) context.stream().Begin("tasks");  // also if there are none
  if (count == 0 && !context.flags.json) context.Note("no task matches");
  if (count > limit_) {
    context.Note(absl::StrCat("more match than the ", limit_, " shown; to see them: --limit N"));
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeList() { return std::make_unique<List>(); }

}  // namespace tarea
