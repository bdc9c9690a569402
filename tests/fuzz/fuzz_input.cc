#include "tests/fuzz/fuzz_input.h"

#include <algorithm>
#include <limits>

namespace tarea {

std::string FuzzInput::Take(size_t size) {
  size = std::min(size, rest_.size());
  std::string taken(rest_.substr(0, size));
  rest_.remove_prefix(size);
  return taken;
}

uint64_t FuzzInput::Unsigned(size_t bytes) {
  uint64_t number = 0;
  for (const char c : Take(bytes)) number = number << 8 | static_cast<unsigned char>(c);
  return number;
}

int64_t FuzzInput::Below(int64_t limit) {
  if (limit <= 1) return 0;
  const auto range = static_cast<uint64_t>(limit);
  const size_t bytes = range <= 0x100 ? 1 : range <= 0x10000 ? 2 : range <= 0x100000000 ? 4 : 8;
  return static_cast<int64_t>(Unsigned(bytes) % range);
}

int64_t FuzzInput::Number() {
  switch (Below(8)) {
    case 0:
      return static_cast<int64_t>(Unsigned(8));
    case 1:
      return static_cast<int32_t>(Unsigned(4));
    case 2:
      return std::numeric_limits<int64_t>::max() - Below(256);
    case 3:
      return std::numeric_limits<int64_t>::min() + Below(256);
    case 4:
      return std::numeric_limits<int32_t>::max() - 128 + Below(256);
    case 5:
      return -Below(256);
    default:
      return Below(256);
  }
}

std::string FuzzInput::Text(size_t max) {
  const size_t end = rest_.find('\0');
  std::string text = Take(std::min(max, end));
  if (end != absl::string_view::npos && text.size() == end) Take(1);
  return text;
}

std::string FuzzInput::Bytes(size_t max) {
  return Take(static_cast<size_t>(Below(static_cast<int64_t>(max) + 1)));
}

std::string FuzzInput::Rest() { return Take(rest_.size()); }

}  // namespace tarea
