#include "common/did_you_mean.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace tarea {

// Optimal string alignment: three rows of the table of distances between beginnings.
int EditDistance(absl::string_view a, absl::string_view b) {
  std::vector<int> before_last(b.size() + 1);
  std::vector<int> last(b.size() + 1);
  std::vector<int> row(b.size() + 1);
  for (size_t j = 0; j <= b.size(); ++j) last[j] = static_cast<int>(j);
  for (size_t i = 1; i <= a.size(); ++i) {
    row[0] = static_cast<int>(i);
    for (size_t j = 1; j <= b.size(); ++j) {
      const bool same = a[i - 1] == b[j - 1];
      row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        row[j] = std::min(row[j], before_last[j - 2] + 1);
      }
    }
    before_last.swap(last);
    last.swap(row);
  }
  return last[b.size()];
}

std::string Closest(absl::string_view word, const std::vector<std::string>& known) {
  // A word of a kilobyte is no slip of the finger.
  constexpr size_t kLongest = 64;
  if (word.empty() || word.size() > kLongest) return "";
  // One slip in a short word, two in a longer one: more would suggest anything.
  const int most = word.size() <= 3 ? 1 : (word.size() <= 6 ? 2 : 3);
  std::string best;
  int best_distance = most + 1;
  for (const std::string& candidate : known) {
    const int distance = EditDistance(word, candidate);
    if (distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  if (!best.empty() || word.size() < 3) return best;
  // What was cut short is no slip, but clear all the same.
  for (const std::string& candidate : known) {
    if (absl::StartsWith(candidate, word)) return candidate;
  }
  return "";
}

std::string DidYouMean(absl::string_view word, const std::vector<std::string>& known) {
  const std::string closest = Closest(word, known);
  return closest.empty() ? "" : absl::StrCat("; did you mean '", closest, "'?");
}

}  // namespace tarea
