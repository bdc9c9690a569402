#ifndef TAREA_CLIENT_COMMANDS_INPUT_SOURCE_H_
#define TAREA_CLIENT_COMMANDS_INPUT_SOURCE_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/commands/csv_reader.h"
#include "client/commands/descriptor_input.h"

namespace tarea {

// Numbers from `first` to `last`.
struct InputRange {
  int64_t first = 0;
  int64_t last = 0;
  int64_t step = 1;
  // With zeros in front up to so many digits.
  size_t width = 0;
};

// "1-1000", "1-1000:10" (every tenth), "001-100" (three digits each). INVALID_ARGUMENT.
absl::StatusOr<InputRange> ParseRange(absl::string_view text);

// One list of inputs: values, unless it has a file or a range.
struct InputSource {
  std::vector<std::string> values = {};
  // Its lines, or the records of a CSV file; "-" is stdin.
  std::string file = {};
  std::optional<InputRange> range = std::nullopt;
  // Goes along with the source before it, one input of each, instead of being combined with it.
  bool linked = false;
};

// How files are read.
struct InputFormat {
  // What lines end with.
  char delimiter = '\n';
  // Records instead of lines, the first of them the names of the columns.
  bool csv = false;
  char csv_delimiter = ',';
};

// Reads a source, input after input. An input is a row of one column, of a CSV file one of all its
// columns. Not thread-safe.
class SourceReader {
 public:
  // INVALID_ARGUMENT names a file that cannot be read. `in` and `wait`, which may be null, must
  // outlive the result.
  static absl::StatusOr<std::unique_ptr<SourceReader>> Open(InputSource source,
                                                            const InputFormat& format,
                                                            std::istream& in,
                                                            const InputWait* wait);
  ~SourceReader();
  SourceReader(const SourceReader&) = delete;
  SourceReader& operator=(const SourceReader&) = delete;

  // Adds the columns of the next input to `row`. False at the end, or after an error.
  bool Next(std::vector<std::string>& row);
  const absl::Status& status() const { return status_; }

  // One per column; empty if it has no name.
  const std::vector<std::string>& names() const { return names_; }

  // How many inputs there are; nothing if that is not known before the end.
  std::optional<int64_t> total() const;

 private:
  explicit SourceReader(InputSource source) : source_(std::move(source)) {}

  absl::Status OpenFile(const InputWait* wait);
  absl::Status ReadHeader();
  bool NextRecord(std::vector<std::string>& row);
  std::string FileName() const;
  absl::Status InFile(absl::string_view what) const;

  InputSource source_;
  absl::Status status_;
  std::vector<std::string> names_ = {""};
  int64_t next_ = 0;
  char delimiter_ = '\n';
  int fd_ = -1;
  std::unique_ptr<DescriptorInput> buffer_;
  std::unique_ptr<std::istream> file_;
  std::istream* stream_ = nullptr;
  std::unique_ptr<CsvReader> csv_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_INPUT_SOURCE_H_
