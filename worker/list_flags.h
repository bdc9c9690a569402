#ifndef TAREA_WORKER_LIST_FLAGS_H_
#define TAREA_WORKER_LIST_FLAGS_H_

#include <CLI/CLI.hpp>

#include "worker/worker.h"

// The flags of a worker whose values have parts.
namespace tarea {

// --queues NAME[:WEIGHT],...: sets `queues`, and `queue_weights` if one has a weight. What follows
// the last ':' is a weight if it is a number, since names may hold a ':' too. `options` must
// outlive `app`.
CLI::Option* AddQueues(CLI::App& app, WorkerOptions& options);

// --label NAME=VALUE, as often as one likes; sets `labels`. `options` must outlive `app`.
CLI::Option* AddLabels(CLI::App& app, WorkerOptions& options);

}  // namespace tarea

#endif  // TAREA_WORKER_LIST_FLAGS_H_
