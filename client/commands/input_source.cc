#include "client/commands/input_source.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <iterator>
#include <limits>
#include <system_error>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/logging.h"

namespace tarea {
namespace {

bool ParseNumber(absl::string_view text, int64_t& number) {
  return !text.empty() && text.find_first_not_of("0123456789") == absl::string_view::npos &&
         absl::SimpleAtoi(text, &number);
}

absl::Status BadRange(absl::string_view text, absl::string_view why) {
  return absl::InvalidArgumentError(
      absl::StrCat("'", Printable(text), "' is no range: ", why,
                   "; write for instance 1-1000, 1-1000:10 or 001-100"));
}

}  // namespace

absl::StatusOr<InputRange> ParseRange(absl::string_view text) {
  InputRange range;
  const std::pair<absl::string_view, absl::string_view> step =
      absl::StrSplit(text, absl::MaxSplits(':', 1));
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(step.first, absl::MaxSplits('-', 1));
  if (!ParseNumber(ends.first, range.first) || !ParseNumber(ends.second, range.last)) {
    return BadRange(text, "it is not two whole numbers with - between them");
  }
  if (text.find(':') != absl::string_view::npos &&
      (!ParseNumber(step.second, range.step) || range.step == 0)) {
    return BadRange(text, "its step is not a whole number from 1 up");
  }
  if (range.last < range.first) return BadRange(text, "it ends before it begins");
  if ((range.last - range.first) / range.step == std::numeric_limits<int64_t>::max()) {
    return BadRange(text, "it has too many numbers to be counted");
  }
  if (ends.first.size() > 1 && ends.first[0] == '0') range.width = ends.first.size();
  if (ends.second.size() > 1 && ends.second[0] == '0') {
    range.width = std::max(range.width, ends.second.size());
  }
  return range;
}

absl::StatusOr<std::unique_ptr<SourceReader>> SourceReader::Open(InputSource source,
                                                                 const InputFormat& format,
                                                                 std::istream& in,
                                                                 const InputWait* wait) {
  std::unique_ptr<SourceReader> reader(new SourceReader(std::move(source)));
  const std::string& name = reader->source_.file;
  if (name.empty()) return reader;
  reader->delimiter_ = format.delimiter;
  reader->stream_ = &in;
  if (name != "-") {
    if (absl::Status status = reader->OpenFile(wait); !status.ok()) return status;
    reader->stream_ = reader->file_.get();
  }
  if (!format.csv) return reader;
  reader->csv_ = std::make_unique<CsvReader>(*reader->stream_, format.csv_delimiter);
  if (absl::Status status = reader->ReadHeader(); !status.ok()) return status;
  return reader;
}

SourceReader::~SourceReader() {
  if (fd_ >= 0) close(fd_);
}

// Without blocking: a named pipe can be opened, and waited for, before anybody writes to it.
absl::Status SourceReader::OpenFile(const InputWait* wait) {
  fd_ = open(source_.file.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  int error = fd_ < 0 ? errno : 0;
  struct stat info = {};
  if (fd_ >= 0 && fstat(fd_, &info) == 0 && S_ISDIR(info.st_mode)) error = EISDIR;
  if (error != 0) {
    return absl::InvalidArgumentError(absl::StrCat("cannot read the inputs in ", FileName(), ": ",
                                                   std::generic_category().message(error)));
  }
  buffer_ = std::make_unique<DescriptorInput>(fd_, wait);
  file_ = std::make_unique<std::istream>(buffer_.get());
  return absl::OkStatus();
}

std::string SourceReader::FileName() const {
  return source_.file == "-" ? "stdin" : Printable(source_.file);
}

absl::Status SourceReader::InFile(absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat(FileName(), ", ", what));
}

absl::Status SourceReader::ReadHeader() {
  if (!csv_->Next(names_)) {
    if (!csv_->status().ok()) return InFile(csv_->status().message());
    return InFile("line 1: there is no line with the names of the columns");
  }
  for (auto it = names_.begin(); it != names_.end(); ++it) {
    if (!it->empty() && std::find(names_.begin(), it, *it) != it) {
      return InFile(absl::StrCat("line 1: two columns have the name '", Printable(*it), "'"));
    }
  }
  return absl::OkStatus();
}

bool SourceReader::NextRecord(std::vector<std::string>& row) {
  std::vector<std::string> fields;
  do {
    if (!csv_->Next(fields)) {
      if (!csv_->status().ok()) status_ = InFile(csv_->status().message());
      return false;
    }
    // People leave empty lines between records, and at the end.
  } while (names_.size() > 1 && fields.size() == 1 && fields[0].empty());
  if (fields.size() != names_.size()) {
    status_ = InFile(absl::StrCat("line ", csv_->line(), ": ", CountOf(std::ssize(fields), "field"),
                                  " instead of ", names_.size(), ", the first of them '",
                                  Printable(fields[0], 64), "'"));
    return false;
  }
  for (std::string& field : fields) row.push_back(std::move(field));
  return true;
}

bool SourceReader::Next(std::vector<std::string>& row) {
  if (!status_.ok()) return false;
  if (stream_ != nullptr) {
    if (csv_ != nullptr ? NextRecord(row)
                        : !!std::getline(*stream_, row.emplace_back(), delimiter_)) {
      return true;
    }
    if (stream_->bad()) {
      status_ = absl::InvalidArgumentError(
          absl::StrCat("cannot read the inputs in ", FileName(), " to their end"));
    }
    return false;
  }
  if (next_ >= *total()) return false;
  if (source_.range.has_value()) {
    const std::string number = absl::StrCat(source_.range->first + next_ * source_.range->step);
    const size_t zeros = source_.range->width - std::min(source_.range->width, number.size());
    row.push_back(std::string(zeros, '0') + number);
  } else {
    row.push_back(source_.values[static_cast<size_t>(next_)]);
  }
  ++next_;
  return true;
}

std::optional<int64_t> SourceReader::total() const {
  if (stream_ != nullptr) return std::nullopt;
  if (!source_.range.has_value()) return static_cast<int64_t>(source_.values.size());
  return (source_.range->last - source_.range->first) / source_.range->step + 1;
}

}  // namespace tarea
