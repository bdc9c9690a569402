#include "common/config_file.h"

// Of the library nothing but this file knows.
#define TOML_HEADER_ONLY 1
#define TOML_EXCEPTIONS 0
#include <toml++/toml.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxFileBytes = 1 << 20;

absl::Status Wrong(const std::string& path, int line, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat(Printable(path), ":", line, ": ", what));
}

absl::StatusOr<std::string> ReadAll(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::string text;
  if (file) {
    // One more than is allowed tells that there is more.
    text.resize(kMaxFileBytes + 1);
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<size_t>(file.gcount()));
  }
  if (!file.eof() && text.size() <= kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read the configuration file ",
                                                   Printable(path), ": ",
                                                   std::generic_category().message(errno)));
  }
  if (text.size() > kMaxFileBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the configuration file ", Printable(path),
                                                   " is larger than ", kMaxFileBytes, " bytes"));
  }
  return text;
}

// The library takes what stands behind the bracket of a table's header for a name without a look at
// it, which is undefined behaviour for "[=]". (toml++ 3.3; found by fuzzing.)
absl::Status CheckHeaders(const std::string& path, absl::string_view text) {
  constexpr absl::string_view kBlank = " \t";
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  int number = 0;
  for (absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
    if (!absl::ConsumePrefix(&line, "[")) continue;
    absl::ConsumePrefix(&line, "[");
    const size_t name = line.find_first_not_of(kBlank);
    const char first = name == absl::string_view::npos ? '\0' : line[name];
    if (absl::ascii_isalnum(static_cast<unsigned char>(first)) ||
        absl::StrContains("_-\"']", first)) {
      continue;
    }
    return Wrong(path, number, "this is not TOML: behind [ there must be the name of a section");
  }
  return absl::OkStatus();
}

// Where in a file of TOML one is: in none, a comment, or a string of a kind.
enum class Place { kBare, kComment, kBasic, kLiteral, kBasicLines, kLiteralLines };

// The place after text[at]; moves on to the last character that belongs to the step.
Place NextPlace(Place place, absl::string_view text, size_t& at) {
  const char c = text[at];
  const size_t quotes = std::min(text.find_first_not_of(c, at), text.size()) - at;
  switch (place) {
    case Place::kBare:
      if (c == '#') return Place::kComment;
      if (c != '"' && c != '\'') return Place::kBare;
      if (quotes < 3) return c == '"' ? Place::kBasic : Place::kLiteral;
      at += 2;
      return c == '"' ? Place::kBasicLines : Place::kLiteralLines;
    case Place::kComment:
      return c == '\n' ? Place::kBare : place;
    case Place::kBasic:
    case Place::kBasicLines:
      if (c == '\\') {
        ++at;
        return place;
      }
      break;
    case Place::kLiteral:
    case Place::kLiteralLines:
      break;
  }
  const bool lines = place == Place::kBasicLines || place == Place::kLiteralLines;
  const char end = place == Place::kBasic || place == Place::kBasicLines ? '"' : '\'';
  if (!lines) return c == end || c == '\n' ? Place::kBare : place;
  if (c != end || quotes < 3) return place;
  at += std::min<size_t>(quotes, 5) - 1;  // two of its own may stand before those that end it
  return Place::kBare;
}

bool IsAscii(char c) { return absl::ascii_isascii(static_cast<unsigned char>(c)); }

// Of what is beyond ASCII and stands in no string and no comment the library asks whether it is
// blank, which is undefined behaviour for most of it. TOML allows none of it there. (toml++ 3.3;
// found by fuzzing.)
absl::Status CheckBareText(const std::string& path, absl::string_view text) {
  absl::ConsumePrefix(&text, "\xef\xbb\xbf");
  Place place = Place::kBare;
  for (size_t at = 0; at < text.size(); ++at) {
    const auto here = text.begin() + static_cast<ptrdiff_t>(at);
    if (place == Place::kBare && !IsAscii(*here)) {
      const std::string what(here, std::find_if(here, text.end(), IsAscii));
      return Wrong(path, static_cast<int>(std::count(text.begin(), here, '\n')) + 1,
                   absl::StrCat("this is not TOML: '", Printable(what, 64),
                                "' may only stand in quotes or in a comment"));
    }
    place = NextPlace(place, text, at);
  }
  return absl::OkStatus();
}

int LineOf(const toml::node& node) { return static_cast<int>(node.source().begin.line); }

// A single value as one would write it on the command line.
std::optional<std::string> ValueText(const toml::node& node) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return absl::StrCat(number->get());
  if (const auto* number = node.as_floating_point()) return absl::StrCat(number->get());
  if (const auto* truth = node.as_boolean()) return truth->get() ? "true" : "false";
  return std::nullopt;
}

absl::StatusOr<ConfigEntry> ReadEntry(const std::string& path, absl::string_view section,
                                      const toml::key& key, const toml::node& node) {
  ConfigEntry entry;
  entry.section = std::string(section);
  entry.key = std::string(key.str());
  entry.line = static_cast<int>(key.source().begin.line);
  const auto add = [&](const toml::node& value) {
    const std::optional<std::string> text = ValueText(value);
    if (text.has_value()) entry.values.push_back(*text);
    return text.has_value();
  };
  bool fits = true;
  if (const toml::array* array = node.as_array()) {
    for (const toml::node& element : *array) fits = fits && add(element);
  } else {
    fits = add(node);
  }
  if (fits) return entry;
  return Wrong(path, LineOf(node),
               absl::StrCat("'", Printable(entry.key), "' is ",
                            node.is_table() ? "a table" : "a kind of value that no flag takes",
                            "; write a string, a number, true or false, or an array of these"));
}

absl::Status ReadTable(const std::string& path, absl::string_view section, const toml::table& table,
                       std::vector<ConfigEntry>& entries) {
  for (const auto& [key, node] : table) {
    if (section.empty() && node.is_table()) {
      if (absl::Status status = ReadTable(path, std::string(key.str()), *node.as_table(), entries);
          !status.ok()) {
        return status;
      }
      continue;
    }
    absl::StatusOr<ConfigEntry> entry = ReadEntry(path, section, key, node);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  return absl::OkStatus();
}

std::string Environment(const char* name) {
  // Nothing changes the environment while flags are read.
  const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? "" : value;
}

}  // namespace

absl::StatusOr<std::vector<ConfigEntry>> ReadConfigFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadAll(path);
  if (!text.ok()) return text.status();
  if (absl::Status status = CheckHeaders(path, *text); !status.ok()) return status;
  if (absl::Status status = CheckBareText(path, *text); !status.ok()) return status;
  const toml::parse_result parsed = toml::parse(std::string_view(*text), std::string_view(path));
  if (!parsed) {
    const toml::parse_error& error = parsed.error();
    return Wrong(path, static_cast<int>(error.source().begin.line),
                 absl::StrCat("this is not TOML: ", Printable(std::string(error.description()))));
  }
  std::vector<ConfigEntry> entries;
  if (absl::Status status = ReadTable(path, "", parsed.table(), entries); !status.ok()) {
    return status;
  }
  // The library sorts by name.
  std::stable_sort(entries.begin(), entries.end(),
                   [](const ConfigEntry& a, const ConfigEntry& b) { return a.line < b.line; });
  return entries;
}

std::vector<std::string> ConfigFilePlaces(absl::string_view program) {
  const std::string name = absl::StrCat("tarea/", program, ".toml");
  std::vector<std::string> places;
  if (const std::string xdg = Environment("XDG_CONFIG_HOME"); !xdg.empty()) {
    places.push_back(absl::StrCat(xdg, "/", name));
  }
  if (const std::string home = Environment("HOME"); !home.empty()) {
    places.push_back(absl::StrCat(home, "/.config/", name));
  }
  places.push_back(absl::StrCat("/etc/", name));
  return places;
}

std::string TomlString(absl::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      quoted += {'\\', c};
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      absl::StrAppend(&quoted, "\\u", absl::Hex(byte, absl::kZeroPad4));
    } else {
      quoted += c;
    }
  }
  return quoted + "\"";
}

}  // namespace tarea
