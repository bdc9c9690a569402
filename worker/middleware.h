#ifndef TAREA_WORKER_MIDDLEWARE_H_
#define TAREA_WORKER_MIDDLEWARE_H_

#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "worker/handler.h"

// What is done around every handler of a worker: logging, metrics, tracing, checks.
namespace tarea {

// Is called instead of the handler, and calls it as `next`; or does not, and answers itself. May
// look at the task before, and at what `next` returned after, and return something else. Called by
// several threads at once, like a handler.
//
//     absl::StatusOr<std::string> Refuse(const v1::LeasedTask& task, TaskContext& context,
//                                        const Handler& next) {
//       if (task.labels().count("tenant") == 0) {
//         return NonRetryable(absl::InvalidArgumentError("the task has no label 'tenant'"));
//       }
//       return next(task, context);
//     }
//
// `next` never throws: an exception of the handler, or of a middleware further in, comes as an
// error with code UNKNOWN. One that leaves the outermost middleware makes the attempt fail
// likewise.
using Middleware = std::function<absl::StatusOr<std::string>(
    const v1::LeasedTask& task, TaskContext& context, const Handler& next)>;

// `handler` with these around it; the first is the outermost: it sees the task first and the result
// last. The outcome does not throw.
Handler WithMiddleware(const std::vector<Middleware>& middleware, Handler handler);

// Looks on and changes nothing. Each may be empty. What one of them throws is logged and makes no
// difference to the task.
struct Observer {
  // A handler is about to be called.
  std::function<void(const v1::LeasedTask& task)> before = nullptr;
  // It has returned a result; it took so long.
  std::function<void(const v1::LeasedTask& task, const std::string& result, absl::Duration took)>
      after = nullptr;
  // It has returned an error, or thrown; also if it was told to stop.
  std::function<void(const v1::LeasedTask& task, const absl::Status& error, absl::Duration took)>
      on_error = nullptr;
};

// `clock` measures what tasks take and must outlive the middleware; null: the machine's own.
Middleware Observe(Observer observer, Clock* clock = nullptr);

}  // namespace tarea

#endif  // TAREA_WORKER_MIDDLEWARE_H_
