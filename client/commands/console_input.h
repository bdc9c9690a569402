#ifndef TAREA_CLIENT_COMMANDS_CONSOLE_INPUT_H_
#define TAREA_CLIENT_COMMANDS_CONSOLE_INPUT_H_

#include <array>
#include <streambuf>

namespace tarea {

// Reads a file descriptor, and ends as soon as another one, `stop`, is readable or closed at its
// other end: so that Ctrl-C also ends a read that would wait for ever. Owns neither. Not
// thread-safe.
class ConsoleInput : public std::streambuf {
 public:
  ConsoleInput(int fd, int stop) : fd_(fd), stop_(stop) {}

 protected:
  int_type underflow() override;

 private:
  const int fd_;
  const int stop_;
  std::array<char, 65'536> buffer_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_CONSOLE_INPUT_H_
