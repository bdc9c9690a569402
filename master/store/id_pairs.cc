#include "master/store/id_pairs.h"

#include <charconv>

#include "absl/strings/str_cat.h"

namespace tarea {

std::string EncodeIdPairs(absl::Span<const IdPair> pairs) {
  std::string text;
  text.reserve(pairs.size() * 10);
  for (const IdPair& pair : pairs) {
    if (!text.empty()) text += ',';
    absl::StrAppend(&text, pair.task - pairs.front().task, ":", pair.number - pairs.front().number);
  }
  return text;
}

std::vector<IdPair> DecodeIdPairs(const IdPair& first, absl::string_view text) {
  std::vector<IdPair> pairs;
  const char* const end = text.data() + text.size();
  for (const char* at = text.data(); at < end; ++at) {  // over the comma
    IdPair distance;
    const auto [colon, task_error] = std::from_chars(at, end, distance.task);
    if (task_error != std::errc() || colon == end || *colon != ':') break;
    const auto [comma, number_error] = std::from_chars(colon + 1, end, distance.number);
    if (number_error != std::errc()) break;
    IdPair& pair = pairs.emplace_back();
    if (__builtin_add_overflow(first.task, distance.task, &pair.task) ||
        __builtin_add_overflow(first.number, distance.number, &pair.number)) {
      pairs.pop_back();
      break;
    }
    at = comma;
  }
  return pairs;
}

}  // namespace tarea
