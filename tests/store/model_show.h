#ifndef TAREA_TESTS_STORE_MODEL_SHOW_H_
#define TAREA_TESTS_STORE_MODEL_SHOW_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "master/store/store.h"

// Everything that a store answers as text, every field of it: two answers are the same if their
// texts are, and where they differ the texts say in what.
namespace tarea {

std::string Show(absl::Time time);  // microseconds since 1970
std::string Show(absl::Duration duration);
std::string Show(const InsertAnswer& answer);
std::string Show(const LeasedTask& task);
std::string Show(ResultStatus status);
std::string Show(const Stop& stop);
std::string Show(const AdvanceAnswer& answer);
std::string Show(const CancelAnswer& answer);
std::string Show(const RetryAnswer& answer);
std::string Show(const Effects& effects);
std::string Show(const Task& task);
std::string Show(const Batch& batch);
std::string Show(const Queue& queue);
std::string Show(const TaskPage& page);
std::string Show(const FinishedPage& page);
std::string Show(const BatchQueues& queues);
inline std::string Show(int64_t number) { return absl::StrCat(number); }
inline std::string Show(const std::string& text) { return text; }

template <typename T>
std::string Show(const std::vector<T>& items) {
  return absl::StrCat(
      "[",
      absl::StrJoin(items, ", ",
                    [](std::string* out, const T& item) { absl::StrAppend(out, Show(item)); }),
      "]");
}

// Stores word their errors as they like: of an error only its code counts.
template <typename T>
std::string Show(const absl::StatusOr<T>& answer) {
  return answer.ok() ? Show(*answer) : absl::StatusCodeToString(answer.status().code());
}
inline std::string Show(const absl::Status& status) {
  return absl::StatusCodeToString(status.code());
}

}  // namespace tarea

#endif  // TAREA_TESTS_STORE_MODEL_SHOW_H_
