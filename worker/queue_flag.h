#ifndef TAREA_WORKER_QUEUE_FLAG_H_
#define TAREA_WORKER_QUEUE_FLAG_H_

#include "common/cli_fwd.h"
#include "worker/worker.h"

namespace tarea {

// --queues NAME[:WEIGHT],...: sets `queues`, and `queue_weights` if one has a weight. What follows
// the last ':' is a weight if it is a number, since names may hold a ':' too. `options` must
// outlive `app`.
CLI::Option* AddQueues(CLI::App& app, WorkerOptions& options);

}  // namespace tarea

#endif  // TAREA_WORKER_QUEUE_FLAG_H_
