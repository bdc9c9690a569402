#ifndef TAREA_TESTS_HOSTILE_HOSTILE_FIXTURE_H_
#define TAREA_TESTS_HOSTILE_HOSTILE_FIXTURE_H_

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"
#include "common/connection.h"
#include "tests/e2e/cluster.h"
#include "tests/hostile/http2_peer.h"

namespace tarea {

// What a process has taken of the machine so far.
struct Cost {
  int peak_megabytes = 0;  // of memory, at its peak
  double cpu_seconds = 0;
};

Cost CostOf(pid_t pid);

// Lets this process open as many descriptors as it may. Answers how many that is.
int RaiseDescriptorLimit();

// Whether AddressSanitizer makes all that happens take many times as long.
bool IsInstrumented();

// A caller that means well: submits a task, takes it and reports its result, again and again. Each
// of its calls has to be answered within kDeadline, repeated as any client would.
class WellBehaved {
 public:
  static constexpr absl::Duration kDeadline = absl::Seconds(20);

  explicit WellBehaved(const std::string& master);
  ~WellBehaved();

  // Waits until it has come around once, from the first call to the last, after now. Fails the test
  // if one of its calls has ever failed.
  void ExpectToGoOn();

 private:
  absl::Status GoAround(int64_t round);

  Connection connection_;
  absl::Mutex mu_;
  int64_t rounds_ ABSL_GUARDED_BY(mu_) = 0;
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  bool stop_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

// A real master, one caller that means well, and peers that do not.
class Hostile : public testing::Test {
 protected:
  void TearDown() override;

  // `ceiling` is what the master may have cost when the test ends. Memory is not looked at
  // under AddressSanitizer, which needs a multiple.
  void Start(const Cost& ceiling, const std::vector<std::string>& flags = {});

  http2::Peer Connect() const { return http2::Peer(port_); }
  // One that has said what a caller says first.
  http2::Peer Greeted(const std::vector<std::pair<uint16_t, uint32_t>>& settings = {}) const;

  // A batch of this many tasks, each of which has a result of so many bytes.
  int64_t SubmitFinished(int tasks, int result_bytes);

  WellBehaved& other_caller() { return *other_caller_; }

  Cluster cluster_;

 private:
  int port_ = 0;
  Cost ceiling_;
  std::unique_ptr<WellBehaved> other_caller_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_HOSTILE_HOSTILE_FIXTURE_H_
