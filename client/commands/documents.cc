#include "client/commands/documents.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"

namespace tarea {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<absl::string_view, OutputFormat>, 5> kFormats = {
    {{"table", OutputFormat::kTable},
     {"wide", OutputFormat::kWide},
     {"json", OutputFormat::kJson},
     {"jsonl", OutputFormat::kJsonLines},
     {"yaml", OutputFormat::kYaml}}};

// Words that some reader of YAML takes for a boolean or for nothing.
constexpr std::array<absl::string_view, 9> kReserved = {"true", "false", "yes",  "no", "on",
                                                        "off",  "y",     "null", "n"};

// Whether YAML reads `text` as just that text, also without quotes.
bool IsPlainText(absl::string_view text) {
  const auto in_word = [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; };
  return !text.empty() && absl::ascii_isalpha(text[0]) &&
         std::all_of(text.begin(), text.end(), in_word) &&
         std::count(kReserved.begin(), kReserved.end(), absl::AsciiStrToLower(text)) == 0;
}

void EmitText(const std::string& text, YAML::Emitter& out) {
  if (IsPlainText(text)) {
    out << text;
    return;
  }
  // yaml-cpp escapes some of what acts on a terminal by itself, and all of it if told to.
  const bool inert = Printable(text, 16 * text.size() + 16) == text;
  out << YAML::DoubleQuoted << (inert ? YAML::EmitNonAscii : YAML::EscapeNonAscii) << text;
}

void Emit(const Json& value, YAML::Emitter& out) {
  if (value.is_object()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginMap;
    for (const auto& [key, field] : value.items()) {
      out << YAML::Key;
      EmitText(key, out);
      out << YAML::Value;
      Emit(field, out);
    }
    out << YAML::EndMap;
  } else if (value.is_array()) {
    if (value.empty()) out << YAML::Flow;
    out << YAML::BeginSeq;
    for (const Json& item : value) Emit(item, out);
    out << YAML::EndSeq;
  } else if (value.is_string()) {
    EmitText(value.get<std::string>(), out);
  } else if (value.is_null()) {
    out << YAML::Null;
  } else {
    // Numbers, true and false are written as in JSON.
    out << value.dump();
  }
}

}  // namespace

absl::StatusOr<OutputFormat> ParseOutputFormat(absl::string_view name) {
  for (const auto& [known, format] : kFormats) {
    if (name == known) return format;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(name), "' is not a way to show things; these are ",
                   absl::StrJoin(kFormats, ", ", [](std::string* out, const auto& known) {
                     absl::StrAppend(out, known.first);
                   })));
}

bool IsForPrograms(OutputFormat format) {
  return format != OutputFormat::kTable && format != OutputFormat::kWide;
}

absl::StatusOr<std::string> JsonToYaml(absl::string_view json) {
  const Json value = Json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
  if (value.is_discarded()) return absl::InvalidArgumentError("not JSON");
  YAML::Emitter out;
  Emit(value, out);
  return absl::StrCat(out.c_str(), "\n");
}

void Documents::Document(absl::string_view json) {
  if (format_ == OutputFormat::kYaml) {
    out_ << JsonToYaml(json).value_or("");
  } else {
    out_ << json << "\n";
  }
}

void Documents::Begin(absl::string_view field) {
  if (std::exchange(open_, true)) return;
  if (format_ == OutputFormat::kJson) out_ << "{\"" << field << "\":[";
  // The items follow as a list in block style, or nothing does, which End makes an empty list.
  if (format_ == OutputFormat::kYaml) out_ << field << ":";
}

void Documents::Item(absl::string_view json) {
  if (format_ == OutputFormat::kJsonLines) {
    out_ << json << "\n";
    return;
  }
  Begin("tasks");
  const bool first = std::exchange(first_, false);
  if (format_ == OutputFormat::kJson) {
    out_ << (first ? "" : ",") << json;
  } else {
    if (first) out_ << "\n";
    out_ << JsonToYaml(absl::StrCat("[", json, "]")).value_or("");
  }
}

void Documents::End(absl::string_view rest) {
  if (!std::exchange(open_, false)) return;
  const bool nothing = rest == "{}";
  if (format_ == OutputFormat::kJson) {
    out_ << "]";
    if (!nothing) out_ << "," << rest.substr(1, rest.size() - 2);
    out_ << "}\n";
  } else if (format_ == OutputFormat::kYaml) {
    if (first_) out_ << " []\n";
    if (!nothing) out_ << JsonToYaml(rest).value_or("");
  }
}

}  // namespace tarea
