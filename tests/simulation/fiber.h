#ifndef TAREA_TESTS_SIMULATION_FIBER_H_
#define TAREA_TESTS_SIMULATION_FIBER_H_

#include <ucontext.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace tarea {

// A function with a stack of its own, which may stop in the middle and go on later. All run on the
// thread that resumes them, one at a time. (glibc's contexts; what is added is what
// AddressSanitizer has to be told of a change of stacks.) Not thread-safe.
class Fiber {
 public:
  Fiber();
  ~Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Gives it something to run. It must have none, or have returned from it.
  void Begin(std::function<void()> body);

  // Runs it until it stops or returns. From outside of any fiber only.
  void Resume();

  // Stops the fiber that runs: its Resume returns. From inside of it only.
  void Stop();

  // Whether it has returned, or was never begun.
  bool idle() const { return body_ == nullptr; }

 private:
  static void Main(unsigned high, unsigned low);

  const std::unique_ptr<std::byte[]> stack_;
  ucontext_t context_;
  ucontext_t resumer_;
  std::function<void()> body_;
  // Of who resumes; AddressSanitizer's.
  const void* resumer_stack_ = nullptr;
  size_t resumer_stack_size_ = 0;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SIMULATION_FIBER_H_
