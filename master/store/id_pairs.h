#ifndef TAREA_MASTER_STORE_ID_PAIRS_H_
#define TAREA_MASTER_STORE_ID_PAIRS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "master/store/task.h"

namespace tarea {

// A task and what goes with it: a lease id, or its place among the finished ones.
struct IdPair {
  TaskId task = 0;
  int64_t number = 0;

  friend bool operator==(const IdPair&, const IdPair&) = default;
};

// Many pairs in one text: each as its distance from the first, "0:0,1:1,7:2". The first itself is
// kept beside it. Short, because neighbours are close together, and can be read and made in SQL.
std::string EncodeIdPairs(absl::Span<const IdPair> pairs);

// The inverse. Ends at what is not a pair, or one that no numbers can be.
std::vector<IdPair> DecodeIdPairs(const IdPair& first, absl::string_view text);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_ID_PAIRS_H_
