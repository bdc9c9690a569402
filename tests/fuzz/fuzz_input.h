#ifndef TAREA_TESTS_FUZZ_FUZZ_INPUT_H_
#define TAREA_TESTS_FUZZ_FUZZ_INPUT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "tests/support/number_source.h"

namespace tarea {

// The bytes that a fuzzer made up, as numbers and texts. Small numbers take one byte, so that one
// changed byte is one changed decision; at the end there are only zeros and empty texts.
class FuzzInput : public NumberSource {
 public:
  FuzzInput(const uint8_t* data, size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  int64_t Below(int64_t limit) override;
  bool empty() const override { return rest_.empty(); }

  // Any number, small ones and those at the ends of their kind more often.
  int64_t Number();
  // At most `max` bytes, up to a NUL.
  std::string Text(size_t max);
  // At most `max` bytes, whatever they are.
  std::string Bytes(size_t max);
  // All that is left.
  std::string Rest();
  const std::string& Pick(const std::vector<std::string>& from) {
    return from[static_cast<size_t>(Below(static_cast<int64_t>(from.size())))];
  }

 private:
  std::string Take(size_t size);
  uint64_t Unsigned(size_t bytes);

  absl::string_view rest_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_FUZZ_FUZZ_INPUT_H_
