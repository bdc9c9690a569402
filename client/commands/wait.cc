#include "client/commands/wait.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "client/commands/output.h"
#include "client/commands/takers.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

// A worker that is there takes a task within milliseconds.
constexpr absl::Duration kPatience = absl::Seconds(2);

// Type and queue of a task that is ready; as they are if none can be found.
void LearnWhatWaits(Context& context, BatchWait& wait) {
  v1::ListTasksRequest request;
  request.mutable_filter()->set_batch_id(wait.batch_id);
  request.mutable_filter()->add_states(v1::TASK_STATE_READY);
  request.set_page_size(1);
  context.client()
      .List(request,
            [&](const v1::Task& task) {
              wait.type = task.spec().type();
              wait.queue = task.spec().queue();
              return false;
            })
      .IgnoreError();
}

// Best effort: what cannot be asked is not told.
std::string WhyNobodyComes(Context& context, BatchWait wait) {
  if (wait.type.empty()) LearnWhatWaits(context, wait);
  const std::string queue = wait.queue.empty() ? "default" : wait.queue;
  if (const auto queues = context.client().Queues(); queues.ok()) {
    for (const v1::Queue& known : queues->queues()) {
      if (known.name() == queue && known.paused()) {
        return absl::StrCat("queue ", queue, " is paused; to let it go on: client queues resume ",
                            queue);
      }
    }
  }
  const auto workers = context.client().Workers();
  if (!workers.ok()) return "";
  return WhyNobodyTakes(*workers, wait.type, queue, context.flags.masters[0]);
}

}  // namespace

absl::Status WaitForBatch(Context& context, const BatchWait& wait,
                          absl::FunctionRef<absl::Status(const v1::WatchBatchResponse&)> on_news) {
  const absl::Time give_up = context.Now() + wait.limit;
  WatchOptions options{.cursor = wait.cursor,
                       .with_result = wait.with_result,
                       .max_time = std::min(kPatience, wait.limit)};
  const auto remember = [&](const v1::WatchBatchResponse& news) {
    options.cursor = news.cursor();
    return on_news(news);
  };
  const absl::Status status = context.client().Watch(wait.batch_id, options, remember);
  if (!absl::IsDeadlineExceeded(status)) return status;
  // Either the two seconds are over, or the master does not answer: then it does not now, either.
  const absl::StatusOr<v1::Batch> batch = context.client().GetBatch(wait.batch_id);
  if (!batch.ok()) return batch.status();
  const v1::Counts& counts = batch->counts();
  if (counts.ready() > 0 && counts.running() + Finished(counts) == 0) {
    const std::string why = Printable(WhyNobodyComes(context, wait), 1024);
    if (!why.empty()) context.Note(why);
  }
  options.max_time = std::max(give_up - context.Now(), absl::ZeroDuration());
  const absl::Status rest = context.client().Watch(wait.batch_id, options, remember);
  if (!absl::IsDeadlineExceeded(rest) || context.Now() < give_up) return rest;
  return absl::AbortedError(absl::StrCat("batch ", wait.batch_id, " was not finished within ",
                                         ShortDuration(wait.limit)));
}

int CancelAfterInterruption(Context& context, int64_t batch_id) {
  v1::CancelTasksRequest request;
  request.set_batch_id(batch_id);
  request.set_reason("interrupted");
  const auto answer = context.UninterruptedClient()->Cancel(request);
  if (answer.ok()) {
    context.Note(absl::StrCat("interrupted; batch ", batch_id, ": ", answer->cancelled(),
                              " cancelled, ", answer->stopping(), " running and told to stop, ",
                              answer->finished(), " finished before"));
  } else {
    context.Note(absl::StrCat("interrupted, but batch ", batch_id,
                              " goes on: ", Printable(answer.status().message(), 1024),
                              "; to stop it: client cancel --batch ", batch_id));
  }
  return kExitInterrupted;
}

int BatchExit(const v1::Batch& batch) {
  return batch.counts().failed() + batch.counts().cancelled() == 0 ? kExitOk : kExitFailed;
}

void FailureList::Add(const v1::Task& task) {
  ++total_;
  if (shown_.size() >= kShown) return;
  v1::Task& kept = shown_.emplace_back();
  kept.set_id(task.id());
  kept.set_state(task.state());
  *kept.mutable_error() = task.error();
}

void FailureList::Print(Context& context, int64_t batch_id) const {
  for (const v1::Task& task : shown_) {
    context.Note(absl::StrCat("task ", task.id(), " ", StateName(task.state()), ": ",
                              ErrorText(task.error()), " (client show ", task.id(), ")"));
  }
  const int64_t more = total_ - static_cast<int64_t>(shown_.size());
  if (more > 0) {
    context.Note(absl::StrCat("and ", more, " more: client list --batch ", batch_id,
                              " --state failed,cancelled"));
  }
}

}  // namespace tarea
