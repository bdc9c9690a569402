#ifndef TAREA_CLIENT_COMMANDS_DESCRIPTOR_INPUT_H_
#define TAREA_CLIENT_COMMANDS_DESCRIPTOR_INPUT_H_

#include <array>
#include <functional>
#include <streambuf>
#include <utility>

namespace tarea {

// How a process waits for its inputs: stdin, named pipes and the like, from which nothing may come
// for ever. One for all of them; they are read by one thread at a time. Not thread-safe.
class InputWait {
 public:
  // It is over as soon as `stop` is readable or closed at its other end, so that Ctrl-C also ends a
  // read that waits. -1: it goes on until there is something to read.
  explicit InputWait(int stop = -1) : stop_(stop) {}
  InputWait(const InputWait&) = delete;
  InputWait& operator=(const InputWait&) = delete;

  // Calls `on_idle` when there has been nothing to read for a moment, in the thread that reads. If
  // it answers false the input ends there.
  void OnIdle(std::function<bool()> on_idle) { on_idle_ = std::move(on_idle); }

  // Waits until `fd` has something to read, or has come to its end. False if it is to be left.
  bool Await(int fd) const;

 private:
  const int stop_;
  std::function<bool()> on_idle_;
};

// Reads a file descriptor as what is written there comes in. Also one that does not block. An error
// is bad() of the stream. Not thread-safe.
class DescriptorInput : public std::streambuf {
 public:
  // Owns neither. `wait` may be null: then nothing ends it early.
  DescriptorInput(int fd, const InputWait* wait) : fd_(fd), wait_(wait != nullptr ? wait : &own_) {}

 protected:
  int_type underflow() override;

 private:
  const int fd_;
  const InputWait own_;
  const InputWait* const wait_;
  std::array<char, 65'536> buffer_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_DESCRIPTOR_INPUT_H_
