#ifndef TAREA_CLIENT_COMMANDS_LAYOUT_H_
#define TAREA_CLIENT_COMMANDS_LAYOUT_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

// Text as a terminal shows it. All of these take UTF-8 that is printable (common/logging.h).
namespace tarea {

// How what is for people is laid out.
struct Look {
  // No line is wider; 0 means no limit.
  int columns = 0;
  bool colours = false;
  // Shows what is only for wide tables too.
  bool wide = false;
};

// How many columns of a terminal `text` takes: wide characters count two, combining ones none.
int DisplayWidth(absl::string_view text);

// `text` with an ellipsis for its end if it takes more than `columns`, which is 1 or more.
std::string CutTo(absl::string_view text, int columns);

// `text` in lines of at most `columns`, between words where that can be done. At least one line;
// `columns` 0 means exactly one.
std::vector<std::string> Wrap(absl::string_view text, int columns);

// `text` in the colour of a state: what went well is green, what failed red, what somebody stopped
// yellow. With another word it stays as it is.
std::string ColouredState(absl::string_view word, absl::string_view text);
std::string Bold(absl::string_view text);
std::string Red(absl::string_view text);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_LAYOUT_H_
