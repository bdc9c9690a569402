#include "worker/testing/handler_test.h"

#include "common/convert.h"

namespace tarea {

HandlerTest::HandlerTest(const Handler& handler, const std::vector<Middleware>& middleware)
    : handler_(WithMiddleware(middleware, handler)) {
  task_.set_task_id(1);
  task_.set_batch_id(1);
  task_.set_lease_id(1);
  task_.set_attempt(1);
  task_.set_max_attempts(3);
  task_.set_type("test");
  task_.set_queue("default");
}

const absl::StatusOr<std::string>& HandlerTest::Run() {
  if (task_.has_timeout()) context_.SetTimeout(context_.elapsed() + FromProto(task_.timeout()));
  returned_ = handler_(task_, context_);
  return returned_;
}

}  // namespace tarea
