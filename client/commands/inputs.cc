#include "client/commands/inputs.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace tarea {

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& words) {
  CommandLine line;
  enum { kCommand, kValues, kFiles } part = kCommand;
  bool linked = false;
  bool files_missing = false;
  size_t i = !words.empty() && words[0] == "--" ? 1 : 0;
  for (; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == ":::" || word == ":::+") {
      part = kValues;
      line.sources.push_back({.linked = word == ":::+"});
    } else if (word == "::::" || word == "::::+") {
      part = kFiles;
      linked = word == "::::+";
      files_missing = true;
    } else if (part == kCommand) {
      line.argv.push_back(word);
    } else if (part == kValues) {
      line.sources.back().values.push_back(word);
    } else if (word.empty()) {
      return absl::InvalidArgumentError("the name of a file after :::: is empty");
    } else {
      line.sources.push_back({.file = word, .linked = linked});
      files_missing = false;
    }
  }
  if (files_missing) {
    return absl::InvalidArgumentError(":::: needs the name of a file, or - for stdin");
  }
  if (line.argv.empty()) {
    return absl::InvalidArgumentError(
        "there is no command; write for instance: client run -- gzip {} ::: a b c");
  }
  return line;
}

absl::StatusOr<std::unique_ptr<InputRows>> InputRows::Open(std::vector<InputSource> sources,
                                                           const InputFormat& format,
                                                           std::istream& in,
                                                           const InputWait* wait) {
  std::unique_ptr<InputRows> rows(new InputRows());
  if (sources.empty()) {
    rows->total_ = 1;
    return rows;
  }
  if (sources[0].linked) {
    return absl::InvalidArgumentError(":::+ links a list to the one before it, and there is none");
  }
  int of_stdin = 0;
  for (const InputSource& source : sources) of_stdin += source.file == "-" ? 1 : 0;
  if (of_stdin > 1) return absl::InvalidArgumentError("stdin (-) can only be read once");
  for (InputSource& source : sources) {
    if (!source.linked) rows->groups_.emplace_back();
    auto reader = SourceReader::Open(std::move(source), format, in, wait);
    if (!reader.ok()) return reader.status();
    const std::vector<std::string>& names = (*reader)->names();
    rows->names_.insert(rows->names_.end(), names.begin(), names.end());
    rows->groups_.back().readers.push_back(*std::move(reader));
  }
  if (absl::Status status = rows->LoadOthers(); !status.ok()) return status;
  if (absl::Status status = rows->Count(); !status.ok()) return status;
  return rows;
}

absl::Status InputRows::LoadOthers() {
  for (size_t i = 1; i < groups_.size(); ++i) {
    for (Row row; NextOf(groups_[i], row); row.clear()) groups_[i].rows.push_back(row);
    if (!status_.ok()) return status_;
  }
  positions_.assign(groups_.size() - 1, 0);
  return absl::OkStatus();
}

absl::Status InputRows::Count() {
  std::optional<int64_t> first;
  for (const auto& reader : groups_[0].readers) {
    const std::optional<int64_t> total = reader->total();
    if (!total.has_value()) return absl::OkStatus();
    first = std::min(first.value_or(*total), *total);
  }
  total_ = *first;
  for (size_t i = 1; i < groups_.size(); ++i) {
    if (__builtin_mul_overflow(total_, static_cast<int64_t>(groups_[i].rows.size()), &total_)) {
      return absl::InvalidArgumentError("there are too many combinations of inputs");
    }
  }
  return absl::OkStatus();
}

bool InputRows::NextOf(Group& group, Row& row) {
  for (const auto& reader : group.readers) {
    if (reader->Next(row)) continue;
    status_ = reader->status();
    return false;
  }
  return true;
}

bool InputRows::Next(std::vector<std::string>& row) {
  row.clear();
  if (groups_.empty()) return !std::exchange(started_, true);
  for (size_t i = 1; i < groups_.size(); ++i) {
    if (groups_[i].rows.empty()) return false;
  }
  // Counts up like an odometer; when it is round, the first group moves on.
  bool round = true;
  if (std::exchange(started_, true)) {
    for (size_t i = positions_.size(); round && i-- > 0;) {
      round = ++positions_[i] == groups_[i + 1].rows.size();
      if (round) positions_[i] = 0;
    }
  }
  if (round) {
    first_.clear();
    if (!NextOf(groups_[0], first_)) return false;
  }
  row = first_;
  for (size_t i = 0; i < positions_.size(); ++i) {
    const Row& other = groups_[i + 1].rows[positions_[i]];
    row.insert(row.end(), other.begin(), other.end());
  }
  return true;
}

}  // namespace tarea
