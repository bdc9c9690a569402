#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

constexpr int64_t kMaxPage = 1000;
// Of a long list, so many rows are aligned together before they are printed.
constexpr size_t kRowsTogether = 1000;
constexpr size_t kMaxErrorCell = 60;

// When it came to the state that it is in, as far as the task tells.
const google::protobuf::Timestamp& Since(const v1::Task& task) {
  if (task.has_finished_at()) return task.finished_at();
  if (task.state() == v1::TASK_STATE_RUNNING) return task.started_at();
  return task.has_ready_at() ? task.ready_at() : task.created_at();
}

class List : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  v1::ListTasksRequest Request() const;
  static void AddRow(Context& context, const v1::Task& task, Table& table);

  int64_t batch_id_ = 0;
  std::string queue_;
  std::string type_;
  std::vector<v1::TaskState> states_;
  std::map<std::string, std::string> labels_;
  int64_t limit_ = 100;
  bool newest_ = false;
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
             const absl::StatusOr<v1::TaskState> state = ParseState(name);
             if (!state.ok()) {
               const std::string why(state.status().message());
               throw CLI::ValidationError("--state", why);
             }
             states_.push_back(*state);
           }
         },
         "In one of these states")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("STATE[,STATE...]");
  AddLabels(*sub, labels_, "With this label; may be given several times");
  sub->add_option("--limit", limit_, "At most so many")
      ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
      ->capture_default_str();
  sub->add_flag("--newest", newest_, "The newest first");
  return sub;
}

v1::ListTasksRequest List::Request() const {
  v1::ListTasksRequest request;
  v1::TaskFilter& filter = *request.mutable_filter();
  filter.set_batch_id(batch_id_);
  filter.set_queue(queue_);
  filter.set_type(type_);
  for (const v1::TaskState state : states_) filter.add_states(state);
  filter.mutable_labels()->insert(labels_.begin(), labels_.end());
  // One more than is shown tells whether there are more.
  request.set_page_size(static_cast<int32_t>(std::min(limit_, kMaxPage - 1) + 1));
  request.set_newest_first(newest_);
  return request;
}

void List::AddRow(Context& context, const v1::Task& task, Table& table) {
  table.Add({absl::StrCat(task.id()), absl::StrCat(task.batch_id()), StateName(task.state()),
             Ago(FromProto(Since(task)), context.Now()), task.spec().type(), task.spec().queue(),
             absl::StrCat(task.attempt(), "/", task.spec().retry().max_attempts()), task.worker(),
             task.has_error() ? Printable(ErrorText(task.error()), kMaxErrorCell) : ""});
}

int List::Run(Context& context) {
  Table table(
      {">TASK", ">BATCH", "STATE", "SINCE", "TYPE", "QUEUE", ">ATTEMPT", "WORKER", "ERROR"});
  int64_t count = 0;
  const absl::Status status = context.client().List(Request(), [&](const v1::Task& task) {
    if (++count > limit_) return false;
    if (context.flags.json) {
      context.out() << TaskJson(task) << "\n";
    } else {
      AddRow(context, task, table);
      if (table.size() >= kRowsTogether) table.Print(context.out());
    }
    return true;
  });
  if (table.size() > 0) table.Print(context.out());
  context.out().flush();
  if (!status.ok()) return context.Fail(status);
  if (count == 0 && !context.flags.json) context.Note("no task matches");
  if (count > limit_) {
    context.Note(absl::StrCat("more match than the ", limit_, " shown; to see them: --limit N"));
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeList() { return std::make_unique<List>(); }

}  // namespace tarea
