#ifndef TAREA_TESTS_CHAOS_AUDITOR_H_
#define TAREA_TESTS_CHAOS_AUDITOR_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "tests/chaos/caller.h"
#include "tests/chaos/known.h"
#include "tests/history/history.h"

namespace tarea {

// Reads what the master has, again and again, beside the faulty network, and all of it at the end.
class Auditor {
 public:
  // All references must outlive it. `name` must be its own. Each time it looks at the latest
  // `window` tasks.
  Auditor(Journal& journal, Known& known, const std::string& name, const std::string& address,
          int window)
      : caller_(journal, name, address), known_(known), window_(window) {}

  // Until Stop, which another thread calls.
  void Run();
  void Stop() { caller_.Stop(); }

  // How many tasks are not final, or why that is not known.
  absl::StatusOr<int64_t> CountUnfinished();

  // Every task that is stored, with payload and result.
  absl::StatusOr<std::vector<HistoryItem>> ReadAll();

 private:
  void ReadLatest();
  absl::Status ReadPage(v1::ListTasksRequest& request, std::vector<HistoryItem>& items);

  Caller caller_;
  Known& known_;
  const int window_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_AUDITOR_H_
