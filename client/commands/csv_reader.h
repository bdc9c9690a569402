#ifndef TAREA_CLIENT_COMMANDS_CSV_READER_H_
#define TAREA_CLIENT_COMMANDS_CSV_READER_H_

#include <cstdint>
#include <istream>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace tarea {

// Reads records as RFC 4180 has them: fields between delimiters, in double quotes if they hold a
// delimiter, a quote (written twice) or an end of line. Lines end with LF or CRLF; a mark of UTF-8
// at the beginning is skipped. Not thread-safe.
class CsvReader {
 public:
  // `in` must outlive it.
  CsvReader(std::istream& in, char delimiter) : in_(in), delimiter_(delimiter) {}

  // False at the end, or after an error. An empty line is a record with one empty field.
  bool Next(std::vector<std::string>& fields);

  // INVALID_ARGUMENT names the line and the field.
  const absl::Status& status() const { return status_; }

  // Where the last record began, from 1.
  int64_t line() const { return record_line_; }

 private:
  // What comes after a field.
  enum class After { kField, kRecord, kNothing, kError };

  After ReadField(std::string& field);
  After ReadQuoted(std::string& field);
  After Refuse(const std::string& field, const char* why);
  int Get();

  std::istream& in_;
  const char delimiter_;
  absl::Status status_;
  int64_t next_line_ = 1;
  int64_t record_line_ = 0;
  bool started_ = false;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_CSV_READER_H_
