#include "worker/fair_share.h"

#include <algorithm>
#include <limits>

namespace tarea {

FairShare::FairShare(const std::vector<QueueWeight>& queues) {
  for (const QueueWeight& queue : queues) queues_.push_back({queue.queue, 1.0 / queue.weight, 0});
}

std::vector<v1::QueueShare> FairShare::Divide(int wanted) const {
  std::vector<v1::QueueShare> shares;
  std::vector<Queue> queues = queues_;
  std::vector<int> share_of(queues.size(), -1);  // position in `shares`
  for (int i = 0; i < wanted && !queues.empty(); ++i) {
    const auto next =
        std::min_element(queues.begin(), queues.end(),
                         [](const Queue& a, const Queue& b) { return a.position < b.position; });
    next->position += next->stride;
    int& share = share_of[next - queues.begin()];
    if (share < 0) {
      share = static_cast<int>(shares.size());
      shares.emplace_back().set_queue(next->name);
    }
    shares[share].set_tasks(shares[share].tasks() + 1);
  }
  return shares;
}

void FairShare::Received(int wanted, const v1::RequestTaskResponse& response) {
  double first = 0;
  double longest = 0;
  for (Queue& queue : queues_) {
    const auto came =
        std::count_if(response.tasks().begin(), response.tasks().end(),
                      [&queue](const v1::LeasedTask& task) { return task.queue() == queue.name; });
    queue.position += static_cast<double>(came) * queue.stride;
    first = std::max(first, queue.position);
    longest = std::max(longest, queue.stride);
  }
  double last = std::numeric_limits<double>::infinity();
  for (Queue& queue : queues_) {
    queue.position = std::max(queue.position, first - longest - wanted * queue.stride);
    last = std::min(last, queue.position);
  }
  // Only differences count; small numbers stay exact.
  for (Queue& queue : queues_) queue.position -= last;
}

}  // namespace tarea
