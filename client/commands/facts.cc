#include "client/commands/facts.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_format.h"
#include "client/commands/output.h"

namespace tarea {
namespace {

constexpr int kNameColumns = 10;
// What a very narrow terminal gets all the same.
constexpr int kLeastColumns = 10;
constexpr char kIndent[] = "  ";

int Room(const Look& look, int taken) {
  return look.columns > 0 ? std::max(look.columns - taken, kLeastColumns) : 0;
}

}  // namespace

void Facts::Line(absl::string_view name, absl::string_view value) { State(name, "", value); }

void Facts::State(absl::string_view name, absl::string_view state, absl::string_view value) {
  if (value.empty()) return;
  std::string heading = absl::StrFormat("%-*s", kNameColumns, name);
  if (look_.colours) heading = Bold(heading);
  for (const std::string& line : Wrap(value, Room(look_, kNameColumns))) {
    out_ << heading << (look_.colours ? ColouredState(state, line) : line) << "\n";
    heading.assign(kNameColumns, ' ');
  }
}

void Facts::Text(absl::string_view text) {
  for (const std::string& line : Wrap(text, Room(look_, 0))) out_ << line << "\n";
}

void Facts::Block(absl::string_view title, absl::string_view text) {
  if (text.empty()) return;
  Text(title);
  out_ << Lines(text, kIndent, Room(look_, static_cast<int>(sizeof(kIndent) - 1)));
}

}  // namespace tarea
