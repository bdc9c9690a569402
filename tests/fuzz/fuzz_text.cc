// What tasks and clients write, where it is shown: on terminals and in logs. Also the pairs of ids
// that a database keeps as text, and what certificates say that their owners may do.

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "client/commands/harmless_text.h"
#include "common/grant.h"
#include "common/logging.h"
#include "master/store/id_pairs.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"

namespace tarea {
namespace {

constexpr size_t kUncut = std::numeric_limits<size_t>::max();

// Without the three control characters that output may have.
std::string WithoutLines(std::string text) {
  for (char& c : text) {
    if (c == '\n' || c == '\t' || c == '\r') c = ' ';
  }
  return text;
}

void CheckPrintable(const std::string& text, size_t max) {
  const std::string shown = Printable(text, kUncut);
  FUZZ_CHECK(IsUtf8(shown), shown);
  FUZZ_CHECK(Printable(shown, kUncut) == shown, shown);
  const std::string cut = Printable(text, max);
  FUZZ_CHECK(IsUtf8(cut) && cut.size() <= max + 3, cut);
  FUZZ_CHECK(shown.size() > max || cut == shown, cut);
}

// However a text is cut into pieces, it comes out the same, and harmless.
void CheckHarmless(FuzzInput& input, const std::string& text) {
  HarmlessText whole;
  std::string expected = whole.Next(text);
  expected += whole.Rest();
  FUZZ_CHECK(Printable(WithoutLines(expected), kUncut) == WithoutLines(expected), expected);

  HarmlessText in_pieces;
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const size_t size = 1 + static_cast<size_t>(input.Below(16));
    out += in_pieces.Next(absl::string_view(text).substr(at, size));
    at += size;
  }
  out += in_pieces.Rest();
  FUZZ_CHECK(out == expected, absl::StrCat(expected, "\n", out));
}

void CheckIdPairs(FuzzInput& input, const std::string& text) {
  const IdPair first = {input.Number(), input.Number()};
  // Whatever a damaged database has there.
  const std::vector<IdPair> decoded = DecodeIdPairs(first, text);
  FUZZ_CHECK(decoded.size() <= text.size() / 3 + 1, absl::StrCat(decoded.size()));

  std::vector<IdPair> pairs = {{1 + input.Below(1000), 1 + input.Below(1000)}};
  for (int64_t more = input.Below(20); more > 0; --more) {
    pairs.push_back({1 + input.Below(70'000), 1 + input.Below(70'000)});
  }
  FUZZ_CHECK(DecodeIdPairs(pairs.front(), EncodeIdPairs(pairs)) == pairs, EncodeIdPairs(pairs));
}

void CheckGrants(FuzzInput& input, const std::string& text) {
  const std::vector<std::string> uris = {absl::StrCat("tarea:", text), input.Bytes(20)};
  for (const size_t count : {1, 2}) {
    const absl::StatusOr<Grant> grant = ParseGrantUris(absl::MakeSpan(uris).first(count));
    if (!grant.ok()) {
      CheckError(grant.status());
      continue;
    }
    FUZZ_CHECK(CheckQueues(*grant).ok(), uris[0]);
    FUZZ_CHECK(*ParseGrantUris(GrantUris(*grant)) == *grant, uris[0]);
  }
}

void CheckAll(FuzzInput& input) {
  const size_t max = static_cast<size_t>(input.Below(64));
  const std::string text = input.Bytes(1000);
  CheckPrintable(text, max);
  CheckHarmless(input, text);
  CheckIdPairs(input, text);
  CheckGrants(input, text);
}

}  // namespace
}  // namespace tarea

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  tarea::FuzzInput input(data, size);
  tarea::CheckAll(input);
  return 0;
}
