#include "client/commands/layout.h"

#include <utf8proc.h>

#include <array>
#include <cstdint>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

constexpr char kEllipsis[] = "\u2026";

constexpr char kBold[] = "\x1b[1m";
constexpr char kGreen[] = "\x1b[32m";
constexpr char kRed[] = "\x1b[31m";
constexpr char kYellow[] = "\x1b[33m";
constexpr char kPlain[] = "\x1b[0m";

constexpr std::array<std::pair<absl::string_view, const char*>, 8> kStates = {{
    {"succeeded", kGreen},
    {"active", kGreen},
    {"failed", kRed},
    {"timed out", kRed},
    {"lost", kRed},
    {"cancelled", kYellow},
    {"paused", kYellow},
    {"draining", kYellow},
}};

// Calls `on_character` with the end of each character and its width, until it returns false.
void EachCharacter(absl::string_view text, absl::FunctionRef<bool(size_t, int)> on_character) {
  for (size_t i = 0; i < text.size();) {
    int32_t code = 0;
    const utf8proc_ssize_t length =
        utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data() + i),
                         static_cast<utf8proc_ssize_t>(text.size() - i), &code);
    // What is no character counts one for each byte.
    i += length > 0 ? static_cast<size_t>(length) : 1;
    if (!on_character(i, length > 0 ? utf8proc_charwidth(code) : 1)) return;
  }
}

// How many bytes of `text`, which is not empty, go on a line of `columns`; at least one character.
size_t BytesOfLine(absl::string_view text, int columns) {
  int total = 0;
  size_t fits = 0;
  size_t word_end = 0;
  EachCharacter(text, [&](size_t end, int width) {
    total += width;
    if (fits > 0 && total > columns) return false;
    if (text[end - 1] == ' ') word_end = end;
    fits = end;
    return true;
  });
  const bool at_end = fits == text.size() || text[fits] == ' ';
  return at_end || word_end == 0 ? fits : word_end;
}

std::string Coloured(const char* colour, absl::string_view text) {
  return absl::StrCat(colour, text, kPlain);
}

}  // namespace

int DisplayWidth(absl::string_view text) {
  int total = 0;
  EachCharacter(text, [&](size_t, int width) {
    total += width;
    return true;
  });
  return total;
}

std::string CutTo(absl::string_view text, int columns) {
  int total = 0;
  size_t fits = 0;  // with the ellipsis
  EachCharacter(text, [&](size_t end, int width) {
    total += width;
    if (total < columns) fits = end;
    return total <= columns;
  });
  if (total <= columns) return std::string(text);
  return absl::StrCat(text.substr(0, fits), kEllipsis);
}

std::vector<std::string> Wrap(absl::string_view text, int columns) {
  std::vector<std::string> lines;
  while (columns > 0 && !text.empty()) {
    const size_t bytes = BytesOfLine(text, columns);
    absl::string_view line = text.substr(0, bytes);
    text.remove_prefix(bytes);
    // The space that a line ends at belongs to none.
    if (!text.empty() && line.size() > 1 && line.back() == ' ') line.remove_suffix(1);
    if (!text.empty() && text[0] == ' ' && line.back() != ' ') text.remove_prefix(1);
    lines.emplace_back(line);
  }
  if (lines.empty()) lines.emplace_back(text);
  return lines;
}

std::string ColouredState(absl::string_view word, absl::string_view text) {
  for (const auto& [state, colour] : kStates) {
    if (word == state) return Coloured(colour, text);
  }
  return std::string(text);
}

std::string Bold(absl::string_view text) { return Coloured(kBold, text); }
std::string Red(absl::string_view text) { return Coloured(kRed, text); }

}  // namespace tarea
