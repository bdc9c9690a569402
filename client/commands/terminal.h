#ifndef TAREA_CLIENT_COMMANDS_TERMINAL_H_
#define TAREA_CLIENT_COMMANDS_TERMINAL_H_

namespace tarea {

// What an output of a process is written to.
struct Terminal {
  // Someone reads it as it comes. False for files and pipes.
  bool is_terminal = false;
  // How wide it is; 0 means without limit.
  int columns = 0;
  // Whether it shows colours, and its user wants them.
  bool colours = false;
};

// `fd` as it is now, with what the environment says about it: COLUMNS goes before the width that
// the terminal tells; NO_COLOR (https://no-color.org) and TERM=dumb mean no colours.
Terminal TerminalOf(int fd);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TERMINAL_H_
