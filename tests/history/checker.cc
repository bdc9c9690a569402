#include "tests/history/checker.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/history/checker_impl.h"

namespace tarea {
namespace {

constexpr size_t kMostSentences = 100;

using Op = HistoryEvent::Op;
using Phase = HistoryEvent::Phase;

const char* Name(Op op) {
  switch (op) {
    case Op::kSubmit:
      return "submit";
    case Op::kClaim:
      return "claim";
    case Op::kResult:
      return "result";
    case Op::kCancel:
      return "cancel";
    case Op::kRetry:
      return "retry";
    case Op::kRead:
      return "read";
    case Op::kRun:
      return "run";
    case Op::kFault:
      break;
  }
  return "fault";
}

}  // namespace

// --- The public class
// ----------------------------------------------------------------------------------

HistoryChecker::HistoryChecker(Retention retention) : impl_(std::make_unique<Impl>(retention)) {}
HistoryChecker::~HistoryChecker() = default;
void HistoryChecker::Add(const HistoryEvent& event) { impl_->Add(event); }
void HistoryChecker::AddStored(const HistoryItem& task) { impl_->AddStored(task); }
std::vector<std::string> HistoryChecker::Finish() { return impl_->Finish(); }
const std::map<std::string, int64_t>& HistoryChecker::counts() const { return impl_->counts(); }

// --- Taking events apart
// -------------------------------------------------------------------------------

void HistoryChecker::Impl::Add(const HistoryEvent& event) {
  ++now_;
  if (event.op == Op::kFault) return Fault(event);
  if (event.op == Op::kRun) return AddRun(event);
  if (event.phase == Phase::kInvoke) return Begin(event);
  const auto found = calls_.find({ProcessNumber(event.process), event.call});
  if (found == calls_.end() || found->second.op != event.op) {
    return Broken(event, "an answer to a call that was never made; the history itself is wrong");
  }
  const Call call = std::move(found->second);
  calls_.erase(found);
  End(event, call);
}

void HistoryChecker::Impl::Begin(const HistoryEvent& event) {
  Call call;
  call.power_losses = power_losses_;
  call.op = event.op;
  call.begun = now_;
  switch (event.op) {
    case Op::kSubmit:
      call.submission = BeginSubmit(event);
      break;
    case Op::kClaim:
      ++unanswered_claims_;
      break;
    case Op::kResult:
      BeginResults(event);
      call.items = event.items;
      break;
    case Op::kRetry:
      for (const HistoryItem& item : event.items) Find(item.task).retried = true;
      break;
    case Op::kCancel:
    case Op::kRead:
      call.items = event.items;
      break;
    case Op::kRun:
    case Op::kFault:
      break;
  }
  const auto [place, is_new] =
      calls_.try_emplace({ProcessNumber(event.process), event.call}, std::move(call));
  if (!is_new)
    Broken(event, "a call with the number of one that runs; the history itself is wrong");
}

void HistoryChecker::Impl::End(const HistoryEvent& event, const Call& call) {
  if (event.phase == Phase::kRefused) ++refused_;
  if (event.phase == Phase::kUnknown) ++unknown_;
  switch (event.op) {
    case Op::kSubmit:
      EndSubmit(event, call);
      break;
    case Op::kClaim:
      if (event.phase != Phase::kUnknown) --unanswered_claims_;
      if (event.phase == Phase::kOk) EndClaim(event, call);
      break;
    case Op::kResult:
      EndResults(event, call);
      break;
    case Op::kCancel:
      if (event.phase != Phase::kOk) break;
      for (const HistoryItem& item : call.items) {
        Task& task = Find(item.task);
        if (task.cancelled == 0) task.cancelled = now_;
      }
      break;
    case Op::kRead:
      if (event.phase == Phase::kOk) EndRead(event, call);
      break;
    case Op::kRetry:
    case Op::kRun:
    case Op::kFault:
      break;
  }
}

void HistoryChecker::Impl::Fault(const HistoryEvent& event) {
  const absl::string_view kind = absl::string_view(event.detail).substr(0, event.detail.find(':'));
  ++counts_[absl::StrCat("fault: ", kind)];
  if (absl::StartsWith(event.detail, "power loss")) ++power_losses_;
}

int HistoryChecker::Impl::ProcessNumber(const std::string& name) {
  return processes_.try_emplace(name, static_cast<int>(processes_.size())).first->second;
}

HistoryChecker::Impl::Task& HistoryChecker::Impl::Find(TaskId id) {
  Task& task = tasks_[id];
  if (task.power_losses != power_losses_) {
    // Its submission may be gone, and another one have been given its id.
    if (!task.durable) {
      task.payload = 0;
      task.started = 0;
    }
    task.power_losses = power_losses_;
  }
  return task;
}

bool HistoryChecker::Impl::EndedBefore(const Task& task, Moment moment) {
  // A retry may take effect after its task was seen to have ended; nothing does after a success.
  if (task.retried) return task.state == TaskState::kSucceeded && task.known < moment;
  return task.final_by != 0 && task.final_by < moment;
}

void HistoryChecker::Impl::LearnState(Task& task, TaskState state, Moment now) {
  if (task.final_by == 0) task.final_by = now;
  if (task.state_known && task.state == state) return;
  task.state_known = true;
  task.state = state;
  task.known = now;
}

// --- What was broken
// -----------------------------------------------------------------------------------

void HistoryChecker::Impl::Note(std::string text) {
  if (broken_.size() < kMostSentences - 1) {
    broken_.push_back(std::move(text));
  } else {
    ++left_out_;
  }
}

std::string HistoryChecker::Impl::Where(const HistoryEvent& event) {
  return absl::StrCat("at ", event.micros, "us: ", event.process, ", ", Name(event.op), " ",
                      event.call, ": ");
}

std::vector<std::string> HistoryChecker::Impl::Finish() {
  unknown_ += static_cast<int64_t>(calls_.size());
  calls_.clear();
  CheckStored();
  if (left_out_ > 0) broken_.push_back(absl::StrCat("and ", left_out_, " more"));
  return broken_;
}

}  // namespace tarea
