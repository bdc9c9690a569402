#ifndef TAREA_TESTS_CHAOS_CLIENT_ACTOR_H_
#define TAREA_TESTS_CHAOS_CLIENT_ACTOR_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "tests/chaos/caller.h"
#include "tests/chaos/known.h"
#include "tests/chaos/tasks.h"

namespace tarea {

// A client that does, in random order, whatever clients do. All of it goes into the history.
class ClientActor {
 public:
  // All references must outlive it.
  ClientActor(Journal& journal, Known& known, const TaskMaker& tasks, const std::string& name,
              const std::string& address, uint64_t seed)
      : caller_(journal, name, address), known_(known), tasks_(tasks), name_(name), random_(seed) {}

  // Until Stop, which another thread calls.
  void Run();
  void Stop() { caller_.Stop(); }

 private:
  struct Watched {
    int64_t cursor = 0;
    std::set<TaskId> seen;
  };

  void Step();

  void Submit();
  v1::SubmitTasksRequest MakeRequest();
  v1::TaskSpec MakeTask(int position);
  // The outcome of one call with this request.
  HistoryEvent::Phase Send(const v1::SubmitTasksRequest& request, bool& worth_repeating);
  void Remember(const v1::SubmitTasksRequest& request, const v1::SubmitTasksResponse& response,
                const std::vector<HistoryItem>& items);
  void SubmitOtherContent(v1::SubmitTasksRequest request);

  void Cancel();
  void Retry();
  std::vector<TaskId> SomeTasks();

  void ReadTask();
  void ReadBatch();
  void Watch();
  // One message of a watch of a batch. False if it tells what cannot be.
  void TakeNews(const Known::Batch& batch, const v1::WatchBatchResponse& news);

  Caller caller_;
  Known& known_;
  const TaskMaker& tasks_;
  const std::string name_;
  Random random_;
  int64_t requests_ = 0;
  std::map<BatchId, Watched> watched_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_CLIENT_ACTOR_H_
