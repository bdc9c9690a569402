#include "common/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>
#include <utf8proc.h>

#include <cstdint>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tarea {
namespace {

// Writes the message as the inside of a JSON string.
class JsonMessageFlag : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& dest) override {
    for (char c : msg.payload) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        dest.push_back('\\');
        dest.push_back(c);
      } else if (byte < 0x20) {
        const std::string escape = absl::StrFormat("\\u%04x", byte);
        dest.append(escape.data(), escape.data() + escape.size());
      } else {
        dest.push_back(c);
      }
    }
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<JsonMessageFlag>();
  }
};

// Length of the valid UTF-8 character at the front of `text`, which is not empty, and its code
// point; 0 if there is none.
size_t DecodeUtf8(absl::string_view text, int32_t& code) {
  const auto* bytes = reinterpret_cast<const utf8proc_uint8_t*>(text.data());
  const utf8proc_ssize_t length =
      utf8proc_iterate(bytes, static_cast<utf8proc_ssize_t>(text.size()), &code);
  return length > 0 ? static_cast<size_t>(length) : 0;
}

// Control characters, the marks that make a terminal show text in another order than it has, and
// what takes no room, so that it hides in a text or makes two look alike.
bool IsUnsafe(int32_t code) {
  if (code >= 0x20 && code < 0x7F) return false;
  const utf8proc_property_t* property = utf8proc_get_property(code);
  switch (property->category) {
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP:
    case UTF8PROC_CATEGORY_CS:
      return true;
    default:
      break;
  }
  // Variation selectors choose between the pictures of a character; ordinary text has them.
  const bool selector = code >= 0xFE00 && code <= 0xFE0F;
  return property->ignorable && !selector;
}

}  // namespace

absl::Status InitLogging(absl::string_view program, const LogOptions& options) {
  const auto level = spdlog::level::from_str(options.level);
  // from_str answers "off" for what it does not know.
  if (level == spdlog::level::off && options.level != "off") {
    return absl::InvalidArgumentError(
        absl::StrCat("--log-level is '", Printable(options.level),
                     "'; it must be trace, debug, info, warn, error or off"));
  }
  auto logger = spdlog::stderr_color_mt(std::string(program));
  if (options.format == "json") {
    auto formatter = std::make_unique<spdlog::pattern_formatter>();
    formatter->add_flag<JsonMessageFlag>('*').set_pattern(
        R"({"time":"%Y-%m-%dT%H:%M:%S.%e%z","level":"%l","program":"%n","message":"%*"})");
    logger->set_formatter(std::move(formatter));
  } else if (options.format == "text") {
    logger->set_pattern("%Y-%m-%d %H:%M:%S.%e %^%-5l%$ %n: %v");
  } else {
    return absl::InvalidArgumentError(
        absl::StrCat("--log-format is '", Printable(options.format), "'; it must be text or json"));
  }
  logger->set_level(level);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

std::string CountOf(int64_t count, absl::string_view noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

bool IsUtf8(absl::string_view text) {
  int32_t code = 0;
  while (!text.empty()) {
    const size_t length = DecodeUtf8(text, code);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string Printable(absl::string_view text, size_t max_bytes) {
  std::string out;
  while (!text.empty()) {
    int32_t code = 0;
    const size_t length = DecodeUtf8(text, code);
    std::string piece;
    if (length == 0) {
      piece = absl::StrFormat("\\x%02x", static_cast<unsigned char>(text[0]));
    } else if (!IsUnsafe(code)) {
      piece = std::string(text.substr(0, length));
    } else if (code == '\n') {
      piece = "\\n";
    } else {
      piece = code < 0x100     ? absl::StrFormat("\\x%02x", code)
              : code < 0x10000 ? absl::StrFormat("\\u%04x", code)
                               : absl::StrFormat("\\U%08x", code);
    }
    if (out.size() + piece.size() > max_bytes) {
      out += "...";
      break;
    }
    out += piece;
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return out;
}

}  // namespace tarea
