#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "client/commands/command.h"
#include "client/commands/facts.h"
#include "client/commands/filter.h"
#include "client/commands/output.h"
#include "client/commands/table.h"
#include "client/commands/task_flags.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

// Of a batch that runs, so many of the tasks that do; each is asked for its progress.
constexpr int kShownRunning = 10;

FilterValue FieldOf(const v1::Batch& batch, absl::string_view field, absl::Time now) {
  const v1::Counts& counts = batch.counts();
  if (field == "name") return {.texts = {batch.name()}};
  if (field == "state") return {.texts = {BatchState(batch)}};
  if (field == "age") return {.number = absl::ToDoubleSeconds(now - FromProto(batch.created_at()))};
  const int64_t count = field == "batch"       ? batch.id()
                        : field == "tasks"     ? batch.total()
                        : field == "waiting"   ? Waiting(counts)
                        : field == "running"   ? counts.running()
                        : field == "succeeded" ? counts.succeeded()
                        : field == "failed"    ? counts.failed()
                                               : counts.cancelled();
  return {.number = static_cast<double>(count)};
}

class Status : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub = app.add_subcommand("status", "Show a batch, or the latest ones");
    AddId(*sub, "batch", "batch", batch_id_, "The batch; without it, the latest ones");
    sub->add_option("--limit", limit_, "How many of the latest batches")
        ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
        ->capture_default_str();
    AddFilter(*sub,
              {{"state"},
               {"name"},
               {"batch", FilterField::kNumber},
               {"tasks", FilterField::kNumber},
               {"waiting", FilterField::kNumber},
               {"running", FilterField::kNumber},
               {"succeeded", FilterField::kNumber},
               {"failed", FilterField::kNumber},
               {"cancelled", FilterField::kNumber},
               {"age", FilterField::kAge}},
              filter_);
    return sub;
  }

  int Run(Context& context) override {
    if (batch_id_ == 0) return ShowAll(context);
    if (filter_.empty()) return ShowOne(context);
    return context.Usage("--filter chooses among batches; it goes without the id of one");
  }

 private:
  int ShowOne(Context& context) const;
  int ShowAll(Context& context) const;

  int64_t batch_id_ = 0;
  int64_t limit_ = 20;
  Filter filter_;
};

// --- One batch
// -------------------------------------------------------------------------------------

// How fast its tasks finish, from when it was submitted, and how long the rest will take at that.
// Empty while there is nothing to tell from.
std::string RateText(const v1::Batch& batch, absl::Time now) {
  const int64_t finished = Finished(batch.counts());
  const absl::Time end = batch.has_finished_at() ? FromProto(batch.finished_at()) : now;
  const absl::Duration passed = end - FromProto(batch.created_at());
  if (finished == 0 || passed <= absl::ZeroDuration()) return "";
  const double per_second = static_cast<double>(finished) / absl::ToDoubleSeconds(passed);
  std::string text = absl::StrCat(Rate(per_second), " finished on average");
  if (!batch.has_finished_at() && batch.total() > finished) {
    const double left = static_cast<double>(batch.total() - finished) / per_second;
    absl::StrAppend(&text, "; at that, the rest takes ", ShortDuration(absl::Seconds(left)));
  }
  return text;
}

void ShowHints(const v1::Batch& batch, Facts& facts) {
  const int64_t id = batch.id();
  if (batch.counts().failed() > 0) {
    facts.Line("which:", absl::StrCat("client list --batch ", id, " --state failed"));
    facts.Line("again:", absl::StrCat("client retry --batch ", id));
  } else if (batch.counts().cancelled() > 0) {
    facts.Line("which:", absl::StrCat("client list --batch ", id, " --state cancelled"));
  }
}

// Best effort: a task that has finished meanwhile, or cannot be read, is left out.
void ShowRunning(Context& context, const v1::Batch& batch) {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(batch.id());
  request.mutable_filter()->add_states(v1::TASK_STATE_RUNNING);
  request.set_page_size(kShownRunning);
  std::vector<int64_t> ids;
  const absl::Status listed = context.client().List(request, [&](const v1::Task& task) {
    ids.push_back(task.id());
    return ids.size() < kShownRunning;
  });
  using enum TableColumn::Align;
  Table table({{.heading = "RUNNING", .align = kRight},
               {.heading = "FOR"},
               {.heading = "ATTEMPT", .align = kRight, .leave_out = 2},
               {.heading = "WORKER", .leave_out = 1, .cut_to = 10},
               {.heading = "PROGRESS", .cut_to = 10, .only_with_text = true}},
              context.look());
  for (const int64_t id : ids) {
    const absl::StatusOr<v1::Task> task = context.client().Get(id);
    if (!listed.ok() || !task.ok() || task->state() != v1::TASK_STATE_RUNNING) continue;
    const absl::Duration since = context.Now() - FromProto(task->started_at());
    table.Add({absl::StrCat(id), ShortDuration(std::max(since, absl::ZeroDuration())),
               absl::StrCat(task->attempt(), "/", task->spec().retry().max_attempts()),
               task->worker(), task->has_progress() ? ProgressText(task->progress()) : ""});
  }
  if (table.size() == 0) return;
  const int64_t more = batch.counts().running() - static_cast<int64_t>(table.size());
  context.out() << "\n";
  table.Print(context.out());
  if (more > 0) context.out() << "and " << more << " more\n";
}

int Status::ShowOne(Context& context) const {
  const absl::StatusOr<v1::Batch> batch = context.client().GetBatch(batch_id_);
  if (!batch.ok()) return context.Fail(batch.status());
  if (context.flags.json) {
    context.PrintDocument(ToJson(*batch));
    return kExitOk;
  }
  Facts facts(context.out(), context.look());
  const absl::Time now = context.Now();
  facts.Line("batch",
             absl::StrCat(batch->id(), batch->name().empty() ? "" : " ", Printable(batch->name())));
  facts.State("state", BatchState(*batch),
              absl::StrCat(BatchState(*batch), batch->open() ? " (more tasks may be added)" : ""));
  facts.Line("created", When(batch->created_at(), now));
  if (batch->has_finished_at()) {
    facts.Line("finished", absl::StrCat(When(batch->finished_at(), now), " after ",
                                        ShortDuration(FromProto(batch->finished_at()) -
                                                      FromProto(batch->created_at()))));
  }
  facts.Line("rate", RateText(*batch, now));
  facts.Text(Summary(*batch));
  ShowHints(*batch, facts);
  if (batch->counts().running() > 0) ShowRunning(context, *batch);
  return kExitOk;
}

// --- The latest ones
// -------------------------------------------------------------------------------

std::vector<TableColumn> Columns() {
  using enum TableColumn::Align;
  return {{.heading = "BATCH", .align = kRight},
          {.heading = "NAME", .leave_out = 2, .cut_to = 6},
          {.heading = "STATE", .state = true},
          {.heading = "CREATED", .leave_out = 3},
          {.heading = "TOOK", .only_wide = true},
          {.heading = "TASKS", .align = kRight, .leave_out = 1},
          {.heading = "WAITING", .align = kRight, .leave_out = 6},
          {.heading = "RUNNING", .align = kRight, .leave_out = 5},
          {.heading = "SUCCEEDED", .align = kRight, .leave_out = 7},
          {.heading = "FAILED", .align = kRight, .leave_out = 4},
          {.heading = "CANCELLED", .align = kRight, .leave_out = 8},
          {.heading = "RATE", .only_wide = true}};
}

void AddRow(const v1::Batch& batch, absl::Time now, Table& table) {
  const v1::Counts& counts = batch.counts();
  const absl::Time end = batch.has_finished_at() ? FromProto(batch.finished_at()) : now;
  table.Add({absl::StrCat(batch.id()), batch.name(), BatchState(batch),
             Ago(FromProto(batch.created_at()), now),
             ShortDuration(std::max(end - FromProto(batch.created_at()), absl::ZeroDuration())),
             absl::StrCat(batch.total()), absl::StrCat(Waiting(counts)),
             absl::StrCat(counts.running()), absl::StrCat(counts.succeeded()),
             absl::StrCat(counts.failed()), absl::StrCat(counts.cancelled()),
             RateText(batch, now)});
}

int Status::ShowAll(Context& context) const {
  Table table(Columns(), context.look());
  const absl::Time now = context.Now();
  int64_t count = 0;
  const absl::Status status = context.client().ListBatches([&](const v1::Batch& batch) {
    if (!filter_.Matches([&](absl::string_view name) { return FieldOf(batch, name, now); })) {
      return true;
    }
    if (!context.flags.json) {
      AddRow(batch, now, table);
    } else {
      context.PrintList("batches");
      context.PrintListItem(ToJson(batch));
    }
    return ++count < limit_;
  });
  if (!status.ok()) return context.Fail(status);
  if (context.flags.json) {
    context.PrintList("batches");  // also if there are none
  } else if (count > 0) {
    table.Print(context.out());
  } else if (!filter_.empty()) {
    context.Note("no batch matches");
  } else {
    context.Note("there are no batches yet; to submit one: client submit, or client run");
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeStatus() { return std::make_unique<Status>(); }

}  // namespace tarea
