// Tells ThreadSanitizer about absl::Mutex. Linked into the tests of the tsan preset only.
//
// Debian's libabsl_synchronization.so is built without ThreadSanitizer, which therefore does not
// see that its locks order anything and would report every use of a guarded member as a race. The
// functions below stand in front of the library's, tell ThreadSanitizer what happens, and call on.
// Nothing is suppressed: a member that is used without its lock is reported as before.

#include <dlfcn.h>
#include <sanitizer/tsan_interface.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/base/config.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

extern "C" {
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}

namespace {

#define TAREA_TEXT(x) #x
#define TAREA_TEXT_OF(x) TAREA_TEXT(x)

// The library's own function. `suffix` is its mangled name after absl's inline namespace.
template <typename Function>
Function* Real(const char* suffix, const char* prefix = "_ZN") {
  const std::string inline_namespace = TAREA_TEXT_OF(ABSL_OPTION_INLINE_NAMESPACE_NAME);
  const std::string symbol = std::string(prefix) + "4absl" +
                             std::to_string(inline_namespace.size()) + inline_namespace + suffix;
  void* found = dlsym(RTLD_NEXT, symbol.c_str());
  if (found == nullptr) {
    std::fprintf(stderr, "tsan_absl.cc: absl has no %s\n", symbol.c_str());
    std::abort();
  }
  return reinterpret_cast<Function*>(found);
}

constexpr unsigned kWrite = __tsan_mutex_linker_init;
constexpr unsigned kRead = __tsan_mutex_linker_init | __tsan_mutex_read_lock;

// Around a wait that gives the lock away and takes it again.
class Waiting {
 public:
  explicit Waiting(void* mutex) : mutex_(mutex) {
    __tsan_mutex_pre_unlock(mutex_, kWrite);
    __tsan_mutex_post_unlock(mutex_, kWrite);
    __tsan_mutex_pre_lock(mutex_, kWrite);
  }
  ~Waiting() { __tsan_mutex_post_lock(mutex_, kWrite, 0); }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  void* mutex_;
};

// Around a call that takes the lock.
class Locking {
 public:
  explicit Locking(void* mutex) : mutex_(mutex) { __tsan_mutex_pre_lock(mutex_, kWrite); }
  ~Locking() { __tsan_mutex_post_lock(mutex_, kWrite, 0); }
  Locking(const Locking&) = delete;
  Locking& operator=(const Locking&) = delete;

 private:
  void* mutex_;
};

// The books of absl's search for deadlocks are kept under a lock that cannot be seen from here,
// also when a mutex that is held by nobody ends. Our programs do without it, too.
[[maybe_unused]] const bool no_books = [] {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  return true;
}();

}  // namespace

namespace absl {
ABSL_NAMESPACE_BEGIN

Mutex::~Mutex() {
  static const auto real = Real<void(Mutex*)>("5MutexD1Ev");
  __tsan_mutex_destroy(this, kWrite);
  real(this);
}

void Mutex::Lock() {
  static const auto real = Real<void(Mutex*)>("5Mutex4LockEv");
  const Locking locking(this);
  real(this);
}

void Mutex::Unlock() {
  static const auto real = Real<void(Mutex*)>("5Mutex6UnlockEv");
  __tsan_mutex_pre_unlock(this, kWrite);
  real(this);
  __tsan_mutex_post_unlock(this, kWrite);
}

bool Mutex::TryLock() {
  static const auto real = Real<bool(Mutex*)>("5Mutex7TryLockEv");
  __tsan_mutex_pre_lock(this, kWrite | __tsan_mutex_try_lock);
  const bool locked = real(this);
  __tsan_mutex_post_lock(
      this, kWrite | (locked ? __tsan_mutex_try_lock : __tsan_mutex_try_lock_failed), 0);
  return locked;
}

void Mutex::ReaderLock() {
  static const auto real = Real<void(Mutex*)>("5Mutex10ReaderLockEv");
  __tsan_mutex_pre_lock(this, kRead);
  real(this);
  __tsan_mutex_post_lock(this, kRead, 0);
}

void Mutex::ReaderUnlock() {
  static const auto real = Real<void(Mutex*)>("5Mutex12ReaderUnlockEv");
  __tsan_mutex_pre_unlock(this, kRead);
  real(this);
  __tsan_mutex_post_unlock(this, kRead);
}

void Mutex::LockWhen(const Condition& condition) {
  static const auto real =
      Real<void(Mutex*, const Condition&)>("5Mutex8LockWhenERKNS0_9ConditionE");
  const Locking locking(this);
  real(this, condition);
}

bool Mutex::LockWhenWithDeadline(const Condition& condition, Time deadline) {
  static const auto real = Real<bool(Mutex*, const Condition&, Time)>(
      "5Mutex20LockWhenWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const Locking locking(this);
  return real(this, condition, deadline);
}

bool Mutex::LockWhenWithTimeout(const Condition& condition, Duration timeout) {
  return LockWhenWithDeadline(condition, Now() + timeout);
}

void Mutex::Await(const Condition& condition) {
  static const auto real = Real<void(Mutex*, const Condition&)>("5Mutex5AwaitERKNS0_9ConditionE");
  const Waiting waiting(this);
  real(this, condition);
}

bool Mutex::AwaitWithDeadline(const Condition& condition, Time deadline) {
  static const auto real = Real<bool(Mutex*, const Condition&, Time)>(
      "5Mutex17AwaitWithDeadlineERKNS0_9ConditionENS0_4TimeE");
  const Waiting waiting(this);
  return real(this, condition, deadline);
}

bool Mutex::AwaitWithTimeout(const Condition& condition, Duration timeout) {
  return AwaitWithDeadline(condition, Now() + timeout);
}

void CondVar::Wait(Mutex* mutex) {
  static const auto real = Real<void(CondVar*, Mutex*)>("7CondVar4WaitEPNS0_5MutexE");
  const Waiting waiting(mutex);
  real(this, mutex);
}

bool CondVar::WaitWithDeadline(Mutex* mutex, Time deadline) {
  static const auto real =
      Real<bool(CondVar*, Mutex*, Time)>("7CondVar16WaitWithDeadlineEPNS0_5MutexENS0_4TimeE");
  const Waiting waiting(mutex);
  return real(this, mutex, deadline);
}

bool CondVar::WaitWithTimeout(Mutex* mutex, Duration timeout) {
  return WaitWithDeadline(mutex, Now() + timeout);
}

// A Notification is also passed without its mutex, by a flag that only the library reads.
void Notification::Notify() {
  static const auto real = Real<void(Notification*)>("12Notification6NotifyEv");
  __tsan_release(this);
  real(this);
}

void Notification::WaitForNotification() const {
  static const auto real =
      Real<void(const Notification*)>("12Notification19WaitForNotificationEv", "_ZNK");
  real(this);
  __tsan_acquire(const_cast<Notification*>(this));
}

ABSL_NAMESPACE_END
}  // namespace absl
