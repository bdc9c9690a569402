#include "tests/simulation/fiber.h"

#include <cstdint>
#include <utility>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define TAREA_ASAN_FIBERS 1
#include <sanitizer/common_interface_defs.h>
#endif
#endif

namespace tarea {
namespace {

#ifdef TAREA_ASAN_FIBERS
constexpr size_t kStackBytes = size_t{1} << 20;
void BeforeSwitch(void** fake_stack, const void* bottom, size_t size) {
  __sanitizer_start_switch_fiber(fake_stack, bottom, size);
}
void AfterSwitch(void* fake_stack, const void** bottom, size_t* size) {
  __sanitizer_finish_switch_fiber(fake_stack, bottom, size);
}
#else
constexpr size_t kStackBytes = size_t{256} << 10;
void BeforeSwitch(void** /*fake_stack*/, const void* /*bottom*/, size_t /*size*/) {}
void AfterSwitch(void* /*fake_stack*/, const void** /*bottom*/, size_t* /*size*/) {}
#endif

}  // namespace

Fiber::Fiber() : stack_(new std::byte[kStackBytes]), context_(), resumer_() {}
Fiber::~Fiber() = default;

void Fiber::Begin(std::function<void()> body) {
  body_ = std::move(body);
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_.get();
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  // makecontext hands on integers only.
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::Main), 2,
              static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
}

void Fiber::Main(unsigned high, unsigned low) {
  Fiber& self = *reinterpret_cast<Fiber*>((uintptr_t{high} << 32) | low);
  AfterSwitch(nullptr, &self.resumer_stack_, &self.resumer_stack_size_);
  std::exchange(self.body_, std::function<void()>([] {}))();
  self.body_ = nullptr;
  // Null: this stack is left for good.
  BeforeSwitch(nullptr, self.resumer_stack_, self.resumer_stack_size_);
  setcontext(&self.resumer_);
}

void Fiber::Resume() {
  void* fake_stack = nullptr;
  BeforeSwitch(&fake_stack, stack_.get(), kStackBytes);
  swapcontext(&resumer_, &context_);
  AfterSwitch(fake_stack, nullptr, nullptr);
}

void Fiber::Stop() {
  void* fake_stack = nullptr;
  BeforeSwitch(&fake_stack, resumer_stack_, resumer_stack_size_);
  swapcontext(&context_, &resumer_);
  AfterSwitch(fake_stack, &resumer_stack_, &resumer_stack_size_);
}

}  // namespace tarea
