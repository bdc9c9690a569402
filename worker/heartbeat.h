#ifndef TAREA_WORKER_HEARTBEAT_H_
#define TAREA_WORKER_HEARTBEAT_H_

#include "common/connection.h"
#include "proto/tasks.pb.h"
#include "worker/held_tasks.h"
#include "worker/result_sender.h"

namespace tarea {

// Renews the leases of what a worker holds, and passes on what the master wants stopped: one
// Heartbeat at a time, parked at the master, while anything is held. Thread-safe.
class Heartbeat {
 public:
  // `held` and `sender` must outlive it.
  Heartbeat(const ConnectionOptions& masters, v1::WorkerInfo worker, HeldTasks* held,
            ResultSender* sender);

  // Until Stop, or until `held` is closed; for a thread of its own.
  void Run();

  // Ends Run.
  void Stop() { connection_.Interrupt(); }

  // Tells the master, if it can be reached, that the worker leaves.
  void Goodbye();

 private:
  void Apply(const v1::StopTask& stop);

  const v1::WorkerInfo worker_;
  HeldTasks* const held_;
  ResultSender* const sender_;
  Connection connection_;
  Connection goodbye_;
};

}  // namespace tarea

#endif  // TAREA_WORKER_HEARTBEAT_H_
