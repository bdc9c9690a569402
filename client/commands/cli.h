#ifndef TAREA_CLIENT_COMMANDS_CLI_H_
#define TAREA_CLIENT_COMMANDS_CLI_H_

#include "client/commands/command.h"

namespace tarea {

// The whole client: parses the command line, runs the command, answers the exit code
// (common/exit_codes.h). Results go to console.out, everything else to console.err.
int RunClient(int argc, const char* const* argv, const Console& console);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_CLI_H_
