#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/task_flags.h"
#include "common/convert.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

std::string BatchState(const v1::Batch& batch) {
  if (batch.open()) return "open";
  if (!batch.has_finished_at()) return "running";
  return batch.counts().failed() + batch.counts().cancelled() == 0 ? "succeeded" : "failed";
}

class Status : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    CLI::App* sub = app.add_subcommand("status", "Show a batch, or the latest ones");
    AddId(*sub, "batch", "batch", batch_id_, "The batch; without it, the latest ones");
    sub->add_option("--limit", limit_, "How many of the latest batches")
        ->check(CLI::Range(int64_t{1}, int64_t{1'000'000'000}))
        ->capture_default_str();
    return sub;
  }

  int Run(Context& context) override { return batch_id_ > 0 ? ShowOne(context) : ShowAll(context); }

 private:
  int ShowOne(Context& context) const;
  int ShowAll(Context& context) const;

  int64_t batch_id_ = 0;
  int64_t limit_ = 20;
};

int Status::ShowOne(Context& context) const {
  const absl::StatusOr<v1::Batch> batch = context.client().GetBatch(batch_id_);
  if (!batch.ok()) return context.Fail(batch.status());
  std::ostream& out = context.out();
  if (context.flags.json) {
    out << ToJson(*batch) << "\n";
    return kExitOk;
  }
  out << "batch     " << batch->id();
  if (!batch->name().empty()) out << " " << Printable(batch->name());
  out << "\nstate     " << BatchState(*batch);
  if (batch->open()) out << " (more tasks may be added)";
  out << "\ncreated   " << When(batch->created_at(), context.Now()) << "\n";
  if (batch->has_finished_at()) {
    out << "finished  " << When(batch->finished_at(), context.Now()) << " after "
        << ShortDuration(FromProto(batch->finished_at()) - FromProto(batch->created_at())) << "\n";
  }
  out << Summary(*batch) << "\n";
  if (batch->counts().failed() > 0) {
    out << "which:    client list --batch " << batch_id_ << " --state failed\n"
        << "again:    client retry --batch " << batch_id_ << "\n";
  }
  return kExitOk;
}

int Status::ShowAll(Context& context) const {
  Table table({">BATCH", "NAME", "STATE", "CREATED", ">TASKS", ">WAITING", ">RUNNING", ">SUCCEEDED",
               ">FAILED", ">CANCELLED"});
  v1::ListBatchesResponse all;
  int64_t count = 0;
  const absl::Status status = context.client().ListBatches([&](const v1::Batch& batch) {
    const v1::Counts& counts = batch.counts();
    if (context.flags.json) {
      *all.add_batches() = batch;
    } else {
      table.Add({absl::StrCat(batch.id()), batch.name(), BatchState(batch),
                 Ago(FromProto(batch.created_at()), context.Now()), absl::StrCat(batch.total()),
                 absl::StrCat(counts.blocked() + counts.scheduled() + counts.ready()),
                 absl::StrCat(counts.running()), absl::StrCat(counts.succeeded()),
                 absl::StrCat(counts.failed()), absl::StrCat(counts.cancelled())});
    }
    return ++count < limit_;
  });
  if (!status.ok()) return context.Fail(status);
  if (context.flags.json) {
    context.out() << ToJson(all) << "\n";
  } else if (count == 0) {
    context.Note("there are no batches yet; to submit one: client submit, or client run");
  } else {
    table.Print(context.out());
  }
  return kExitOk;
}

}  // namespace

std::unique_ptr<Command> MakeStatus() { return std::make_unique<Status>(); }

}  // namespace tarea
