#include "tests/simulation/actor.h"

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

HistoryEvent::Phase PhaseOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return HistoryEvent::Phase::kOk;
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kResourceExhausted:
      return HistoryEvent::Phase::kRefused;
    default:
      return HistoryEvent::Phase::kUnknown;
  }
}

}  // namespace

void Actor::Start() {
  if (world_.over()) return;
  id_ = absl::StrCat(name_, ".", ++starts_);
  process_ = scheduler().NewProcess();
  OnStart();
}

void Actor::Spawn(std::function<void()> body) {
  scheduler().Spawn(process_, absl::ZeroDuration(), [body = std::move(body)] {
    try {
      body();
    } catch (const Killed&) {
      // That is all of it.
    }
  });
}

void Actor::Sleep(absl::Duration duration) {
  if (!scheduler().Sleep(duration)) throw Killed();
}

HistoryEvent Actor::Invoke(HistoryEvent::Op op, std::vector<HistoryItem> items,
                           const std::string& request_id) {
  HistoryEvent event;
  event.process = id_;
  event.call = ++calls_;
  event.op = op;
  event.phase = HistoryEvent::Phase::kInvoke;
  event.request_id = request_id;
  event.items = std::move(items);
  world_.Record(event);
  return event;
}

void Actor::Answered(HistoryEvent& event, const absl::Status& status) {
  event.phase = PhaseOf(status);
  event.detail = std::string(status.message());
  world_.Record(event);
  if (!status.ok()) world_.Count(absl::StrCat("answer: ", absl::StatusCodeToString(status.code())));
}

}  // namespace tarea
