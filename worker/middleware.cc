#include "worker/middleware.h"

#include <spdlog/spdlog.h>

#include <exception>
#include <memory>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

// It is somebody else's code; what it throws must cost no more than its own task.
absl::StatusOr<std::string> Guarded(absl::string_view what,
                                    absl::FunctionRef<absl::StatusOr<std::string>()> call) {
  try {
    return call();
  } catch (const std::exception& e) {
    return absl::UnknownError(absl::StrCat("the ", what, " threw an exception: ", e.what()));
  } catch (...) {
    return absl::UnknownError(absl::StrCat("the ", what, " threw an exception"));
  }
}

template <typename Function, typename... Args>
void Tell(const char* which, const v1::LeasedTask& task, const Function& function,
          const Args&... args) {
  if (function == nullptr) return;
  try {
    function(task, args...);
  } catch (const std::exception& e) {
    spdlog::warn("task {} ({}): the observer's '{}' threw an exception: {}", task.task_id(),
                 Printable(task.type()), which, Printable(e.what(), 512));
  } catch (...) {
    spdlog::warn("task {} ({}): the observer's '{}' threw an exception", task.task_id(),
                 Printable(task.type()), which);
  }
}

}  // namespace

Handler WithMiddleware(const std::vector<Middleware>& middleware, Handler handler) {
  Handler chain = [handler = std::move(handler)](const v1::LeasedTask& task, TaskContext& context) {
    return Guarded("handler", [&] { return handler(task, context); });
  };
  for (auto layer = middleware.rbegin(); layer != middleware.rend(); ++layer) {
    chain = [layer = *layer, next = std::move(chain)](const v1::LeasedTask& task,
                                                      TaskContext& context) {
      return Guarded("middleware", [&] { return layer(task, context, next); });
    };
  }
  return chain;
}

Middleware Observe(Observer observer, Clock* clock) {
  std::shared_ptr<Clock> own;
  if (clock == nullptr) own = std::make_shared<MonotonicClock>();
  return [observer = std::move(observer), own, clock = clock == nullptr ? own.get() : clock](
             const v1::LeasedTask& task, TaskContext& context,
             const Handler& next) -> absl::StatusOr<std::string> {
    Tell("before", task, observer.before);
    const absl::Time begin = clock->Now();
    absl::StatusOr<std::string> returned = next(task, context);
    const absl::Duration took = clock->Now() - begin;
    if (returned.ok()) {
      Tell("after", task, observer.after, *returned, took);
    } else {
      Tell("on_error", task, observer.on_error, returned.status(), took);
    }
    return returned;
  };
}

}  // namespace tarea
