#include "client/commands/task_output.h"

#include <google/protobuf/wrappers.pb.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/commands/output.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr OutputStream kStreams[] = {OutputStream::kStdout, OutputStream::kStderr};

const char* Name(OutputStream stream) {
  return stream == OutputStream::kStdout ? "stdout" : "stderr";
}

// Leaves out what is before `offset`.
void CutFront(OutputChunk& chunk, int64_t offset) {
  const int64_t cut =
      std::clamp<int64_t>(offset - chunk.offset, 0, static_cast<int64_t>(chunk.data.size()));
  chunk.data.erase(0, cut);
  chunk.offset += cut;
}

}  // namespace

TaskOutputPrinter::TaskOutputPrinter(Context& context, int64_t task_id, const Options& options)
    : context_(context),
      task_id_(task_id),
      options_(options),
      both_(options.wanted[0] && options.wanted[1]),
      settled_(!options.tail.has_value()) {}

std::ostream& TaskOutputPrinter::Out(OutputStream stream) {
  return stream == OutputStream::kStderr && both_ ? context_.err() : context_.out();
}

bool TaskOutputPrinter::Harmless(OutputStream stream) const {
  if (options_.raw) return false;
  const bool to_stderr = stream == OutputStream::kStderr && both_;
  return to_stderr ? context_.err_terminal().is_terminal : context_.out_terminal().is_terminal;
}

void TaskOutputPrinter::Tell(absl::string_view text) {
  context_.out().flush();
  context_.Note(text);
}

void TaskOutputPrinter::BeginRun(const v1::WatchTaskResponse& news) {
  if (news.run_id() == run_id_ || news.run_id() == 0) return;
  if (run_id_ != 0) {
    Settle();
    for (const OutputStream stream : kStreams) {
      Out(stream) << harmless_[static_cast<size_t>(stream)].Rest();
    }
    Tell(absl::StrCat("task ", task_id_, " begins anew: attempt ", news.attempt()));
  }
  run_id_ = news.run_id();
  attempt_ = news.attempt();
  printed_to_ = OutputOffsets();
}

void TaskOutputPrinter::Add(const v1::WatchTaskResponse& news) {
  BeginRun(news);
  for (const v1::OutputChunk& chunk : news.output()) Take(FromProto(chunk));
  if (news.caught_up()) Settle();
  context_.out().flush();
  context_.err().flush();
}

void TaskOutputPrinter::Take(OutputChunk chunk) {
  if (!options_.wanted[static_cast<size_t>(chunk.stream)]) return;
  int64_t& printed_to = printed_to_[chunk.stream];
  CutFront(chunk, printed_to);
  if (chunk.data.empty()) return;
  if (settled_ && chunk.offset > printed_to && !context_.flags.json) {
    Tell(absl::StrCat(CountOf(chunk.offset - printed_to, "byte"), " of ", Name(chunk.stream),
                      " left out: no longer kept"));
  }
  printed_to = chunk.offset + static_cast<int64_t>(chunk.data.size());
  if (settled_) {
    Print(chunk);
    return;
  }
  int64_t& bytes = held_back_bytes_[static_cast<size_t>(chunk.stream)];
  bytes += static_cast<int64_t>(chunk.data.size());
  held_back_.push_back(std::move(chunk));
  // Of each stream no more than the tail.
  for (auto it = held_back_.begin(); it != held_back_.end();) {
    int64_t& held = held_back_bytes_[static_cast<size_t>(it->stream)];
    const int64_t before = static_cast<int64_t>(it->data.size());
    CutFront(*it, it->offset + std::max<int64_t>(held - *options_.tail, 0));
    held -= before - static_cast<int64_t>(it->data.size());
    it = it->data.empty() ? held_back_.erase(it) : std::next(it);
  }
}

void TaskOutputPrinter::Settle() {
  if (std::exchange(settled_, true)) return;
  for (const OutputChunk& chunk : held_back_) Print(chunk);
  held_back_.clear();
}

void TaskOutputPrinter::Print(const OutputChunk& chunk) {
  printed_ = true;
  if (context_.flags.json) {
    PrintJson(chunk);
  } else if (Harmless(chunk.stream)) {
    Out(chunk.stream) << harmless_[static_cast<size_t>(chunk.stream)].Next(chunk.data);
  } else {
    Out(chunk.stream) << chunk.data;
  }
}

void TaskOutputPrinter::PrintJson(const OutputChunk& chunk) {
  std::string json = ToJson(ToProto(chunk));
  json = WithField(std::move(json), "task_id", absl::StrCat("\"", task_id_, "\""));
  json = WithField(std::move(json), "attempt", absl::StrCat(attempt_));
  if (IsUtf8(chunk.data)) {
    google::protobuf::StringValue text;
    text.set_value(chunk.data);
    json = WithField(std::move(json), "text", ToJson(text));
  }
  context_.stream().Item(json);
}

void TaskOutputPrinter::Finish(OutputStream stream, const std::string& recorded, bool truncated) {
  if (!options_.wanted[static_cast<size_t>(stream)]) return;
  const auto size = static_cast<int64_t>(recorded.size());
  int64_t from = printed_to_[stream];
  if (!settled_ && held_back_bytes_[static_cast<size_t>(stream)] == 0) {
    from = std::max(from, size - *options_.tail);
  }
  if (from <= size) {
    if (from < size) {
      Print({.stream = stream, .offset = from, .data = recorded.substr(from)});
    }
    // Nobody has more than what is recorded.
    if (truncated && !context_.flags.json) {
      Tell(absl::StrCat(Name(stream), " goes on: only the first ", CountOf(size, "byte"),
                        " are kept (worker --max-output)"));
    }
  }
  Out(stream) << harmless_[static_cast<size_t>(stream)].Rest() << std::flush;
}

void TaskOutputPrinter::Finish(const v1::WatchTaskResponse& last) {
  v1::ExecResult result;
  const bool recorded = last.task().spec().type() == "exec" && !last.task().result().empty() &&
                        result.ParseFromString(last.task().result());
  if (recorded) BeginRun(last);
  if (std::any_of(held_back_bytes_.begin(), held_back_bytes_.end(),
                  [](int64_t bytes) { return bytes > 0; })) {
    Settle();
  }
  if (recorded) {
    Finish(OutputStream::kStdout, result.stdout_data(), result.stdout_truncated());
    Finish(OutputStream::kStderr, result.stderr_data(), result.stderr_truncated());
  }
  settled_ = true;
}

}  // namespace tarea
