#include "client/commands/run_display.h"

#include <iterator>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/output.h"
#include "common/logging.h"

namespace tarea {
namespace {

// Results that wait for an earlier task to finish.
constexpr int64_t kMaxHeldBytes = 64 << 20;
// What goes out together, beyond which no more is gathered.
constexpr size_t kMaxChunk = 4 << 20;

}  // namespace

RunDisplay::RunDisplay(Context& context, ProgressDisplay& progress, RunOutput& output,
                       Options options)
    : context_(context),
      progress_(progress),
      output_(output),
      options_(std::move(options)),
      ordered_(
          kMaxHeldBytes, [&context](int64_t id) { return context.client().Get(id); },
          [this](const v1::Task& task) { return Show(task); }, options_.first_position),
      position_(options_.begin) {}

absl::Status RunDisplay::OnNews(const v1::WatchBatchResponse& news) {
  batch_ = news.batch();
  progress_.Update(batch_);
  for (const v1::Task& task : news.tasks()) {
    if (absl::Status status = Take(task); !status.ok()) return status;
  }
  // Whoever goes on from here needs those that are held as well.
  if (ordered_.held() == 0) position_.cursor = news.cursor();
  if (absl::Status status = Flush(); !status.ok()) return status;
  const bool halt = options_.halt_after > 0 && batch_.counts().failed() >= options_.halt_after;
  return halt && !std::exchange(halted_, halt) ? Halt(batch_.id()) : absl::OkStatus();
}

absl::Status RunDisplay::Take(const v1::Task& task) {
  if (task.state() != v1::TASK_STATE_SUCCEEDED) failures_.Add(task);
  std::optional<int64_t> position;
  if (options_.order == RunOrder::kOfInputs || options_.results != nullptr) {
    position = options_.position_of(task.id());
    if (!position.has_value()) return absl::OkStatus();
  }
  if (options_.results != nullptr) {
    if (absl::Status status = options_.results->Write(*position + 1, task); !status.ok()) {
      return status;
    }
  }
  return options_.order == RunOrder::kOfInputs ? ordered_.Add(*position, task) : Show(task);
}

// What a command wrote goes out as it is: the user asked for just that.
absl::Status RunDisplay::Show(const v1::Task& task) {
  switch (options_.format) {
    case Format::kOutput:
      ShowResult(task);
      break;
    case Format::kLines:
      chunk_.Add(OutputStream::kStdout, TaskJson(task));
      chunk_.Add(OutputStream::kStdout, "\n");
      break;
    case Format::kDocument:
      context_.stream().Item(TaskJson(task));
      break;
  }
  if (options_.order != RunOrder::kOfInputs) return absl::OkStatus();
  position_.last_id = task.id();
  return chunk_.encoded().size() < kMaxChunk ? absl::OkStatus() : Flush();
}

void RunDisplay::ShowResult(const v1::Task& task) {
  const auto note = [&](absl::string_view text) {
    chunk_.Add(OutputStream::kStderr, absl::StrCat("client: task ", task.id(), " ", text, "\n"));
  };
  v1::ExecResult result;
  if (!result.ParseFromString(task.result())) {
    note("has a result that exec does not make");
    return;
  }
  chunk_.Add(OutputStream::kStdout, result.stdout_data());
  chunk_.Add(OutputStream::kStderr, result.stderr_data());
  for (const auto& [cut, name, data] :
       {std::tuple(result.stdout_truncated(), "stdout", &result.stdout_data()),
        std::tuple(result.stderr_truncated(), "stderr", &result.stderr_data())}) {
    if (!cut) continue;
    note(absl::StrCat("wrote more to ", name, " than the ", CountOf(std::ssize(*data), "byte"),
                      " that its worker keeps (worker --max-output)"));
  }
  if (result.stdout_truncated() || result.stderr_truncated()) ++cut_;
}

absl::Status RunDisplay::Flush() {
  if (chunk_.empty()) return absl::OkStatus();
  absl::Status status = output_.Print(chunk_, position_);
  chunk_.Clear();
  return status;
}

absl::Status RunDisplay::Halt(int64_t batch_id) {
  context_.Note(absl::StrCat(CountOf(batch_.counts().failed(), "task"),
                             " failed: cancelling the others (--halt ", options_.halt_after, ")"));
  options_.on_halt();
  v1::CancelTasksRequest request;
  request.set_batch_id(batch_id);
  request.set_reason(absl::StrCat("client run --halt ", options_.halt_after));
  const auto answer = context_.client().Cancel(request);
  return answer.status();
}

}  // namespace tarea
