#ifndef TAREA_CLIENT_COMMANDS_TERMINAL_H_
#define TAREA_CLIENT_COMMANDS_TERMINAL_H_

namespace tarea {

// What an output of a process is written to.
struct Terminal {
  // Someone reads it as it comes. False for files and pipes.
  bool is_terminal = false;
  // How wide it is. Meaningless without a terminal.
  int columns = 80;
  // Whether it shows colours, and its user wants them.
  bool colours = false;
};

// What is behind a descriptor, with what the environment says about it: COLUMNS goes before the
// width that the terminal tells; NO_COLOR (https://no-color.org) means no colours. One that cannot
// move its cursor (TERM=dumb) counts as no terminal.
Terminal DescribeTerminal(int fd);

// Its width now, since windows change; `otherwise` if it has none.
int TerminalColumns(int fd, int otherwise);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TERMINAL_H_
