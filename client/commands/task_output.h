#ifndef TAREA_CLIENT_COMMANDS_TASK_OUTPUT_H_
#define TAREA_CLIENT_COMMANDS_TASK_OUTPUT_H_

#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "client/commands/command.h"
#include "client/commands/harmless_text.h"
#include "common/recent_output.h"
#include "proto/tasks.pb.h"

namespace tarea {

// Prints what a task writes, as it comes from Client::WatchTask and in the end from the recorded
// result, each byte once. What is missing is told on stderr, and so is that an attempt begins anew.
// Not thread-safe.
class TaskOutputPrinter {
 public:
  struct Options {
    std::array<bool, kOutputStreams> wanted = {true, true};
    // Of what each stream has when this begins only so many bytes at the end; nothing: all that is
    // kept.
    std::optional<int64_t> tail;
    // Control characters go to a terminal as they are.
    bool raw = false;
  };

  // `context` must outlive it.
  TaskOutputPrinter(Context& context, int64_t task_id, const Options& options);

  // The output of a message.
  void Add(const v1::WatchTaskResponse& news);
  // What comes from here on came after the beginning.
  void Settle();
  // The last message: what was not printed yet of what is recorded; then nothing more comes.
  void Finish(const v1::WatchTaskResponse& last);

  bool printed() const { return printed_; }

 private:
  void BeginRun(const v1::WatchTaskResponse& news);
  void Take(OutputChunk chunk);
  void Print(const OutputChunk& chunk);
  void PrintJson(const OutputChunk& chunk);
  void Finish(OutputStream stream, const std::string& recorded, bool truncated);
  // Where a stream goes to.
  std::ostream& Out(OutputStream stream);
  bool Harmless(OutputStream stream) const;
  void Tell(absl::string_view text);

  Context& context_;
  const int64_t task_id_;
  const Options options_;
  // Both streams are printed, so each goes where it came from; a single one goes to stdout.
  const bool both_;
  uint64_t run_id_ = 0;
  int attempt_ = 0;
  OutputOffsets printed_to_;  // of this run; or held back, or known to be missing
  bool settled_;
  std::deque<OutputChunk> held_back_;
  std::array<int64_t, kOutputStreams> held_back_bytes_ = {};
  std::array<HarmlessText, kOutputStreams> harmless_;
  bool printed_ = false;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TASK_OUTPUT_H_
