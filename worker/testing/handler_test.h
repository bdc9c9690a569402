#ifndef TAREA_WORKER_TESTING_HANDLER_TEST_H_
#define TAREA_WORKER_TESTING_HANDLER_TEST_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/payload.h"
#include "proto/tasks.pb.h"
#include "worker/handler.h"
#include "worker/middleware.h"
#include "worker/testing/fake_context.h"

namespace tarea {

// One call of a handler, without a worker and a master; works with any test framework.
//
//     HandlerTest test(Resize);
//     test.task().set_payload("picture.png");
//     test.task().set_attempt(2);
//     test.context().StopAfter(absl::Seconds(5), StopCause::kCancelled);
//     EXPECT_EQ(test.Run().status().code(), absl::StatusCode::kCancelled);
//     EXPECT_FALSE(test.non_retryable());
//
// Link tarea_worker_testing. Use it from one thread; context() may be used from any.
class HandlerTest {
 public:
  // `middleware` goes around the handler as in a worker.
  explicit HandlerTest(const Handler& handler, const std::vector<Middleware>& middleware = {});

  // What the handler is going to get: task 1 of batch 1, attempt 1 of 3, type "test", queue
  // "default", no payload, labels or timeout, unless the test sets something else.
  v1::LeasedTask& task() { return task_; }

  // The payload of a typed handler; see common/payload.h. Must be one that can be written.
  template <typename Request>
  void SetPayload(const Request& request) {
    task_.set_payload(EncodePayload(request).value());
  }

  // What the handler sees and says: progress(), logs(), output(), elapsed(); also where the test
  // tells it to stop.
  FakeContext& context() { return context_; }

  // Calls the handler and answers what it returned. Time passes as in FakeContext; the task's
  // timeout counts from here. Call it once.
  const absl::StatusOr<std::string>& Run();

  // What Run answered, as a value of a typed handler; the handler's error if it was one.
  template <typename Result>
  absl::StatusOr<Result> ResultAs() const {
    if (!returned_.ok()) return returned_.status();
    return DecodePayload<Result>(*returned_);
  }

  // Whether Run answered an error that is not to be tried again.
  bool non_retryable() const { return IsNonRetryable(returned_.status()); }

 private:
  const Handler handler_;
  v1::LeasedTask task_;
  FakeContext context_;
  absl::StatusOr<std::string> returned_ = absl::FailedPreconditionError("Run was not called");
};

}  // namespace tarea

#endif  // TAREA_WORKER_TESTING_HANDLER_TEST_H_
