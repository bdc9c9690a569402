#include "client/commands/csv_reader.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr int kEnd = std::istream::traits_type::eof();

}  // namespace

// The next character; CRLF counts as LF.
int CsvReader::Get() {
  int c = in_.get();
  if (c == '\r' && in_.peek() == '\n') c = in_.get();
  if (c == '\n') ++next_line_;
  return c;
}

bool CsvReader::Next(std::vector<std::string>& fields) {
  fields.clear();
  if (!status_.ok()) return false;
  if (!std::exchange(started_, true)) {
    for (const char mark : {'\xEF', '\xBB', '\xBF'}) {
      if (in_.peek() != static_cast<unsigned char>(mark)) break;
      in_.get();
    }
  }
  record_line_ = next_line_;
  if (in_.peek() == kEnd) return false;
  for (;;) {
    const After after = ReadField(fields.emplace_back());
    if (after == After::kError) return false;
    if (after != After::kField) return true;
  }
}

CsvReader::After CsvReader::ReadField(std::string& field) {
  if (in_.peek() == '"') return ReadQuoted(field);
  for (;;) {
    const int c = Get();
    if (c == kEnd) return After::kNothing;
    if (c == '\n') return After::kRecord;
    if (c == static_cast<unsigned char>(delimiter_)) return After::kField;
    field.push_back(static_cast<char>(c));
    if (c == '"') return Refuse(field, "has a quote in the middle; put the whole field in quotes");
  }
}

CsvReader::After CsvReader::ReadQuoted(std::string& field) {
  in_.get();
  for (;;) {
    // Not with Get: inside of quotes every byte counts.
    int c = in_.get();
    if (c == kEnd) return Refuse(field, "begins with a quote that is never closed");
    if (c == '\n') ++next_line_;
    if (c != '"') {
      field.push_back(static_cast<char>(c));
      continue;
    }
    if (in_.peek() == '"') {
      field.push_back(static_cast<char>(in_.get()));
      continue;
    }
    c = Get();
    if (c == kEnd) return After::kNothing;
    if (c == '\n') return After::kRecord;
    if (c == static_cast<unsigned char>(delimiter_)) return After::kField;
    return Refuse(field, "goes on behind its closing quote; write a quote inside of a field twice");
  }
}

CsvReader::After CsvReader::Refuse(const std::string& field, const char* why) {
  status_ = absl::InvalidArgumentError(
      absl::StrCat("line ", record_line_, ": the field '", Printable(field, 64), "' ", why));
  return After::kError;
}

}  // namespace tarea
