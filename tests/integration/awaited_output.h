#ifndef TAREA_TESTS_INTEGRATION_AWAITED_OUTPUT_H_
#define TAREA_TESTS_INTEGRATION_AWAITED_OUTPUT_H_

#include <streambuf>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace tarea {

// Keeps what is written to it, and lets other threads wait for some of that. Thread-safe, but for
// streams that write to it.
class AwaitedOutput : public std::streambuf {
 public:
  // Waits until it has this text. False if that takes longer than `at_most`.
  bool Await(absl::string_view text, absl::Duration at_most = absl::Minutes(1)) {
    absl::MutexLock lock(&mu_);
    const auto has = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
      return absl::StrContains(text_, text);
    };
    return mu_.AwaitWithTimeout(absl::Condition(&has), at_most);
  }

  // All of it; none is left.
  std::string Take() {
    absl::MutexLock lock(&mu_);
    return std::exchange(text_, "");
  }

 protected:
  int_type overflow(int_type c) override {
    if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
    const char text = traits_type::to_char_type(c);
    xsputn(&text, 1);
    return c;
  }

  std::streamsize xsputn(const char* text, std::streamsize size) override {
    absl::MutexLock lock(&mu_);
    text_.append(text, static_cast<size_t>(size));
    return size;
  }

 private:
  absl::Mutex mu_;
  std::string text_ ABSL_GUARDED_BY(mu_);
};

}  // namespace tarea

#endif  // TAREA_TESTS_INTEGRATION_AWAITED_OUTPUT_H_
