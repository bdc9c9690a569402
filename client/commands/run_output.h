#ifndef TAREA_CLIENT_COMMANDS_RUN_OUTPUT_H_
#define TAREA_CLIENT_COMMANDS_RUN_OUTPUT_H_

#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "client/commands/command.h"
#include "client/commands/progress_display.h"
#include "client/commands/run_journal.h"

namespace tarea {

// Where the output of a run goes: to stdout and stderr, by way of a journal if there is one. Not
// thread-safe.
class RunOutput {
 public:
  // Both must outlive it. `journal` may be null: then nobody can go on where this client ends.
  RunOutput(Context& context, ProgressDisplay& progress, std::unique_ptr<RunJournal> journal)
      : context_(context), progress_(progress), journal_(std::move(journal)) {}

  // Prints it. If the journal cannot be written any more, tells so and goes on without.
  absl::Status Print(const RunChunk& chunk, const RunPosition& position);

  // Prints what another client had taken over and not printed.
  absl::Status PrintRest();

  // All is printed.
  void Finish();

  bool has_journal() const { return journal_ != nullptr; }

 private:
  absl::Status Write(const RunChunk& chunk, ProgressDisplay::Hidden& hidden);

  Context& context_;
  ProgressDisplay& progress_;
  std::unique_ptr<RunJournal> journal_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RUN_OUTPUT_H_
