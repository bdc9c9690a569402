#ifndef TAREA_MASTER_TRANSLATE_H_
#define TAREA_MASTER_TRANSLATE_H_

#include "master/store/store.h"
#include "master/worker_registry.h"
#include "proto/tasks.pb.h"

// From what a store knows to the messages of the contract. The other way is request_validation.h.
namespace tarea {

void ToProto(const Task& task, v1::Task* proto);
void ToProto(const Batch& batch, v1::Batch* proto);
void ToProto(const Counts& counts, v1::Counts* proto);
void ToProto(const Queue& queue, absl::Time now, v1::Queue* proto);
void ToProto(const WorkerStatus& worker, v1::Worker* proto);
// Moves the payload.
void ToProto(LeasedTask task, v1::LeasedTask* proto);

}  // namespace tarea

#endif  // TAREA_MASTER_TRANSLATE_H_
