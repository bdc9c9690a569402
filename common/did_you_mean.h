#ifndef TAREA_COMMON_DID_YOU_MEAN_H_
#define TAREA_COMMON_DID_YOU_MEAN_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tarea {

// How many letters have to be added, taken away, replaced or swapped with their neighbour to make
// `b` of `a`.
int EditDistance(absl::string_view a, absl::string_view b);

// The one of `known` that somebody who wrote `word` most likely meant; empty if none is close. The
// first of several that are equally close.
std::string Closest(absl::string_view word, const std::vector<std::string>& known);

// "; did you mean 'queue'?", or nothing if none of `known` is close to `word`.
std::string DidYouMean(absl::string_view word, const std::vector<std::string>& known);

}  // namespace tarea

#endif  // TAREA_COMMON_DID_YOU_MEAN_H_
