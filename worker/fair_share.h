#ifndef TAREA_WORKER_FAIR_SHARE_H_
#define TAREA_WORKER_FAIR_SHARE_H_

#include <string>
#include <vector>

#include "proto/tasks.pb.h"

namespace tarea {

struct QueueWeight {
  std::string queue;
  int weight = 1;  // 1 or more
};

// Divides what a worker asks for among its queues by their weights: of 4 tasks from a queue of
// weight 3 and one of weight 1, three and one. Counts what really came, so that the proportions
// hold over time however many are asked for at once, and also if an answer is cut short.
//
// This is stride scheduling (Waldspurger 1995): each task moves its queue on by 1 / weight, and the
// queue that is furthest behind is next. What an idle queue does not take goes to the others; it
// does not save it up: no queue is behind by more than one round and one answer.
//
// Not thread-safe.
class FairShare {
 public:
  explicit FairShare(const std::vector<QueueWeight>& queues);

  // Shares for the next `wanted` tasks, that of the queue furthest behind first. They sum up to
  // `wanted`.
  std::vector<v1::QueueShare> Divide(int wanted) const;

  // What came of `wanted` tasks.
  void Received(int wanted, const v1::RequestTaskResponse& response);

 private:
  struct Queue {
    std::string name;
    double stride = 1;    // 1 / weight
    double position = 0;  // of the tasks that came so far
  };

  std::vector<Queue> queues_;
};

}  // namespace tarea

#endif  // TAREA_WORKER_FAIR_SHARE_H_
