#ifndef TAREA_CLIENT_COMMANDS_CONSOLE_INPUT_H_
#define TAREA_CLIENT_COMMANDS_CONSOLE_INPUT_H_

#include <array>
#include <functional>
#include <streambuf>
#include <utility>

namespace tarea {

// Reads a file descriptor, and ends as soon as another one, `stop`, is readable or closed at its
// other end: so that Ctrl-C also ends a read that would wait for ever. Owns neither. Not
// thread-safe.
class ConsoleInput : public std::streambuf {
 public:
  ConsoleInput(int fd, int stop) : fd_(fd), stop_(stop) {}

  // Calls `on_idle` when there has been nothing to read for a moment, in the thread that reads. If
  // it answers false the input ends there.
  void OnIdle(std::function<bool()> on_idle) { on_idle_ = std::move(on_idle); }

 protected:
  int_type underflow() override;

 private:
  const int fd_;
  const int stop_;
  std::function<bool()> on_idle_;
  std::array<char, 65'536> buffer_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_CONSOLE_INPUT_H_
