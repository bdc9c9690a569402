#ifndef TAREA_CLIENT_COMMANDS_SCREEN_H_
#define TAREA_CLIENT_COMMANDS_SCREEN_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace tarea {

// The whole terminal, for a view that is drawn again and again. While it exists, the terminal shows
// a screen of its own and keys come one by one; what was there before comes back when it is
// destroyed, and also when a signal ends the process.
//
// Ctrl-C is a key here. At most one at a time; not thread-safe.
class Screen {
 public:
  static constexpr char kCtrlC = '\x03';

  struct Size {
    int columns = 80;
    int rows = 24;
    bool operator==(const Size&) const = default;
  };

  // Takes the terminal that `fd` is. FAILED_PRECONDITION if it is none.
  static absl::StatusOr<std::unique_ptr<Screen>> Open(int fd);
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  // As it is now: it may change at any time.
  Size size() const;

  // Shows these lines, from the top, and nothing else. None may be wider than the screen; escape
  // sequences in them are the caller's.
  void Draw(const std::vector<std::string>& lines);

  // The next key; nothing if none was pressed within `timeout`.
  std::optional<char> ReadKey(absl::Duration timeout);

 private:
  Screen(int fd, int keys) : fd_(fd), keys_(keys) {}

  const int fd_;
  // The terminal that controls this process; -1 if there is none, and so no keys.
  int keys_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_SCREEN_H_
