#include "master/task_stream.h"

#include <google/protobuf/util/message_differencer.h>

#include <memory>
#include <optional>
#include <utility>

#include "common/convert.h"
#include "master/translate.h"

namespace tarea {
namespace {

// Output in one message.
constexpr size_t kMessageBytes = size_t{256} << 10;
// A task is read so often at most, however busy its batch is; its output comes at once.
constexpr absl::Duration kLookInterval = absl::Milliseconds(100);
// How often a stream looks whether its client is still there, and how the task is.
constexpr absl::Duration kCheck = absl::Seconds(1);

}  // namespace

absl::StatusOr<Task> TaskStream::Read(TaskId id) {
  TaskQuery query;
  query.after = id - 1;
  query.limit = 1;
  absl::StatusOr<TaskPage> page = dispatcher_.store().ListTasks(query);
  if (!page.ok()) return page.status();
  if (page->tasks.empty() || page->tasks[0].core.id != id) {
    return dispatcher_.store().GetTask(id);  // says that there is none
  }
  return std::move(page->tasks[0]);
}

absl::Status TaskStream::Look(TaskId id, v1::WatchTaskResponse& response) {
  const absl::Time now = dispatcher_.clock().Now();
  if (now - last_look_ >= kCheck) stale_ = true;
  if (!stale_ || now - last_look_ < kLookInterval) return absl::OkStatus();
  const absl::StatusOr<Task> task = Read(id);
  if (!task.ok()) return task.status();
  last_look_ = now;
  stale_ = false;
  task_ = task->core;
  dispatcher_.SawFollowed(task_);
  // Mostly somebody takes it at once, and that it was ready in between is nothing to tell.
  if (sent_.id() != 0 && task_.state == TaskState::kReady && now - task_.ready_at < kLookInterval) {
    stale_ = true;
    return absl::OkStatus();
  }
  v1::Task proto;
  ToProto(*task, &proto);
  if (const std::optional<TaskProgress> progress = dispatcher_.ProgressOf(task_)) {
    proto.mutable_progress()->set_fraction(progress->fraction);
    proto.mutable_progress()->set_message(progress->message);
  }
  if (google::protobuf::util::MessageDifferencer::Equals(proto, sent_)) return absl::OkStatus();
  sent_ = proto;
  // That it is finished is told when all of its output has been.
  if (!IsFinal(task_.state)) *response.mutable_task() = std::move(proto);
  return absl::OkStatus();
}

absl::StatusOr<v1::WatchTaskResponse> TaskStream::Last(TaskId id) {
  const absl::StatusOr<Task> task = dispatcher_.store().GetTask(id);
  if (!task.ok()) return task.status();
  v1::WatchTaskResponse response;
  ToProto(*task, response.mutable_task());
  response.mutable_task()->mutable_spec()->clear_payload();
  response.set_run_id(static_cast<uint64_t>(task->core.lease_id));
  response.set_attempt(task->core.attempt);
  return response;
}

absl::Status TaskStream::Run(const v1::WatchTaskRequest& request, Gone gone, Send send) {
  const absl::StatusOr<OutputOffsets> offsets = ParseWatchTask(request);
  if (!offsets.ok()) return offsets.status();
  const TaskId id = request.task_id();
  const absl::StatusOr<Task> first = Read(id);
  if (!first.ok()) return first.status();
  const absl::StatusOr<std::unique_ptr<TaskFollowers::Follower>> follower =
      dispatcher_.Follow(first->core, static_cast<LeaseId>(request.run_id()), *offsets);
  if (!follower.ok()) return follower.status();

  bool caught_up = false;  // and the client knows
  while (!gone()) {
    v1::WatchTaskResponse response;
    if (const absl::Status status = Look(id, response); !status.ok()) return status;
    TaskFollowers::News news = (*follower)->Take(kMessageBytes);
    if (news.chunks.empty() && news.drained && IsFinal(task_.state)) {
      const absl::StatusOr<v1::WatchTaskResponse> last = Last(id);
      if (!last.ok()) return last.status();
      return send(*last) ? absl::OkStatus() : absl::CancelledError("the client has gone");
    }
    if (response.has_task() || !news.chunks.empty() || (news.caught_up && !caught_up)) {
      response.set_run_id(static_cast<uint64_t>(news.lease_id));
      response.set_attempt(news.attempt);
      response.set_caught_up(news.caught_up);
      for (OutputChunk& chunk : news.chunks) *response.add_output() = ToProto(std::move(chunk));
      if (!send(response)) break;
    }
    caught_up = news.caught_up;
    if (dispatcher_.shutting_down()) return absl::UnavailableError("the master is shutting down");
    const absl::Duration wait =
        stale_ ? last_look_ + kLookInterval - dispatcher_.clock().Now() : kCheck;
    if ((*follower)->Await(wait)) stale_ = true;
  }
  return absl::CancelledError("the client has gone");
}

}  // namespace tarea
