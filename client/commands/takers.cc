#include "client/commands/takers.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"

namespace tarea {
namespace {

// As many as a line of text holds.
constexpr size_t kNamed = 5;

std::string NameOf(const v1::Worker& worker) {
  return worker.info().name().empty() ? worker.info().id() : worker.info().name();
}

std::string WhatItTakes(const v1::Worker& worker) {
  const std::string types = worker.types().empty()    ? "every type"
                            : worker.types_size() > 8 ? CountOf(worker.types_size(), "type")
                                                      : absl::StrJoin(worker.types(), ", ");
  return absl::StrCat(NameOf(worker), " takes ", types, " from ",
                      worker.queues().empty() ? "default" : absl::StrJoin(worker.queues(), ", "));
}

std::string WhyBusy(const v1::Worker& worker) {
  return absl::StrCat(NameOf(worker),
                      worker.draining() ? " takes no more tasks"
                                        : absl::StrCat(" holds ", CountOf(worker.held(), "task")));
}

template <typename Describe>
std::string Join(const std::vector<const v1::Worker*>& workers, Describe describe) {
  std::vector<std::string> parts;
  for (const v1::Worker* worker : workers) {
    if (parts.size() < kNamed) parts.push_back(describe(*worker));
  }
  std::string text = absl::StrJoin(parts, "; ");
  if (workers.size() > kNamed) absl::StrAppend(&text, "; and ", workers.size() - kNamed, " more");
  return text;
}

}  // namespace

bool Takes(const v1::Worker& worker, absl::string_view type, absl::string_view queue) {
  const auto has = [](const auto& list, absl::string_view wanted) {
    return std::find(list.begin(), list.end(), wanted) != list.end();
  };
  return (worker.types().empty() || has(worker.types(), type)) &&
         (worker.queues().empty() ? queue == "default" : has(worker.queues(), queue));
}

bool AnyTakes(const v1::ListWorkersResponse& workers, absl::string_view type,
              absl::string_view queue) {
  return std::any_of(workers.workers().begin(), workers.workers().end(),
                     [&](const v1::Worker& worker) { return Takes(worker, type, queue); });
}

std::string WhyNobodyTakes(const v1::ListWorkersResponse& workers, absl::string_view type,
                           absl::string_view queue, absl::string_view master) {
  std::vector<const v1::Worker*> others;
  std::vector<const v1::Worker*> busy;
  for (const v1::Worker& worker : workers.workers()) {
    if (!Takes(worker, type, queue)) {
      others.push_back(&worker);
    } else if (worker.draining() || worker.held() >= worker.info().slots()) {
      busy.push_back(&worker);
    } else {
      return "";
    }
  }
  if (!busy.empty()) {
    return absl::StrCat("every worker that takes type '", type, "' from queue '", queue,
                        "' is busy: ", Join(busy, WhyBusy));
  }
  const std::string start = absl::StrCat(
      "start one: worker --master ", master,
      queue == "default" ? "" : absl::StrCat(" --queues ", queue), type == "exec" ? " --exec" : "");
  if (others.empty()) return absl::StrCat("no worker is connected; ", start);
  return absl::StrCat("no connected worker takes type '", type, "' from queue '", queue, "' (",
                      Join(others, WhatItTakes), "); ", start);
}

}  // namespace tarea
