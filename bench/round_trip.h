#ifndef TAREA_BENCH_ROUND_TRIP_H_
#define TAREA_BENCH_ROUND_TRIP_H_

#include "absl/status/statusor.h"
#include "bench/measure.h"
#include "bench/setup.h"

// One task at a time: how long until somebody knows that it is done.
namespace tarea {

// Times of `tasks` round trips, each from before the submission until the worker has been told that
// the result is recorded. The worker is as little as a worker can be: a thread of this process that
// makes one call after the other. Takes from queue default, type "bare".
absl::StatusOr<Samples> RoundTripsToWorker(Setup& setup, int tasks);

// Times of `tasks` round trips, each from before the submission until the client library tells the
// submitter that the task has succeeded. They go into one batch, which is watched all the time.
// `setup` must have a worker that does nothing else.
absl::StatusOr<Samples> RoundTripsToSubmitter(Setup& setup, int tasks);

}  // namespace tarea

#endif  // TAREA_BENCH_ROUND_TRIP_H_
