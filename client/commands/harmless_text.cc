#include "client/commands/harmless_text.h"

#include <limits>
#include <utility>

#include "common/logging.h"

namespace tarea {
namespace {

std::string Harmless(absl::string_view text) {
  std::string out;
  while (!text.empty()) {
    const size_t size = std::min(text.find_first_of("\n\t\r"), text.size());
    out += Printable(text.substr(0, size), std::numeric_limits<size_t>::max());
    if (size < text.size()) out += text[size];
    text.remove_prefix(std::min(size + 1, text.size()));
  }
  return out;
}

// Bytes at the end of `text` that may be the beginning of a character.
size_t BegunCharacter(absl::string_view text) {
  for (size_t size = 1; size <= 3 && size <= text.size(); ++size) {
    const auto byte = static_cast<unsigned char>(text[text.size() - size]);
    if ((byte & 0xC0) == 0x80) continue;
    const size_t whole = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
    return whole > size ? size : 0;
  }
  return 0;
}

}  // namespace

std::string HarmlessText::Next(absl::string_view piece) {
  waiting_.append(piece.data(), piece.size());
  const size_t whole = waiting_.size() - BegunCharacter(waiting_);
  std::string out = Harmless(absl::string_view(waiting_).substr(0, whole));
  waiting_.erase(0, whole);
  return out;
}

std::string HarmlessText::Rest() { return Harmless(std::exchange(waiting_, "")); }

}  // namespace tarea
