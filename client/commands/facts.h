#ifndef TAREA_CLIENT_COMMANDS_FACTS_H_
#define TAREA_CLIENT_COMMANDS_FACTS_H_

#include <ostream>

#include "absl/strings/string_view.h"
#include "client/commands/layout.h"

namespace tarea {

// Names with what belongs to them, one below the other:
//
//     task      15 of batch 3
//     queue     default, priority 0
//
// On a terminal, values that are too long go on in the next line, below their beginning. Names and
// values must be printable. Not thread-safe.
class Facts {
 public:
  // `out` must outlive it.
  Facts(std::ostream& out, const Look& look) : out_(out), look_(look) {}

  // Nothing if `value` is empty.
  void Line(absl::string_view name, absl::string_view value);
  // In the colour of `state`.
  void State(absl::string_view name, absl::string_view state, absl::string_view value);
  // Without a name, from the left edge.
  void Text(absl::string_view text);
  // What somebody wrote, line by line below `title`, made printable; nothing if `text` is empty.
  void Block(absl::string_view title, absl::string_view text);

  std::ostream& out() { return out_; }
  const Look& look() const { return look_; }

 private:
  std::ostream& out_;
  const Look look_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_FACTS_H_
