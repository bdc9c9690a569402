#ifndef TAREA_CLIENT_COMMANDS_RUN_SESSION_H_
#define TAREA_CLIENT_COMMANDS_RUN_SESSION_H_

#include <cstdint>

#include "client/commands/command.h"
#include "client/commands/run_options.h"
#include "client/commands/run_submission.h"

// From a batch that is submitted, or is still being submitted, to the exit code of `client run`.
namespace tarea {

// Shows the results of a batch whose tasks `submission` brings, to its end or the user's.
int FollowRun(Context& context, const RunOptions& options, RunSubmission& submission,
              int64_t batch_id);

// Goes on where an earlier run of options.resume ended.
int ResumeRun(Context& context, const RunOptions& options);

// Tells why there is no batch.
int EndWithoutBatch(Context& context, const RunSubmission::End& end);

// Tells, of a submission that has ended, what the user would not expect, if anything: that it
// failed, that an input could not be read, that it was stopped before its last input. Answers
// kExitOk if it is as it should be.
int EndOfSubmission(Context& context, const RunSubmission::End& end);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_RUN_SESSION_H_
