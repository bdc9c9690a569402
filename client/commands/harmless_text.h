#ifndef TAREA_CLIENT_COMMANDS_HARMLESS_TEXT_H_
#define TAREA_CLIENT_COMMANDS_HARMLESS_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace tarea {

// What some program wrote, as it comes in pieces, made harmless for a terminal: of control
// characters only newline, tab and carriage return are left, the others and what is no UTF-8 become
// escapes like \x1b. A character that is cut in two by the end of a piece waits for the next one.
// Not thread-safe.
class HarmlessText {
 public:
  std::string Next(absl::string_view piece);
  // What still waits; nothing comes after it.
  std::string Rest();

 private:
  std::string waiting_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_HARMLESS_TEXT_H_
