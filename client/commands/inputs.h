#ifndef TAREA_CLIENT_COMMANDS_INPUTS_H_
#define TAREA_CLIENT_COMMANDS_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <istream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/commands/descriptor_input.h"
#include "client/commands/input_source.h"

// What `client run` does with its words: a command, and the inputs that go in the place of its
// replacement strings (command_template.h), as GNU parallel has them. No shell takes part.
namespace tarea {

struct CommandLine {
  std::vector<std::string> argv;
  std::vector<InputSource> sources;
};

// Takes apart "CMD ARG... ::: VALUE... :::: FILE...", where each ::: begins a source of values, and
// each file after :::: is a source of lines; :::+ and ::::+ link theirs to the source before. A
// "--" before CMD is dropped. INVALID_ARGUMENT if there is no command.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& words);

// The inputs, one from each source: all combinations, those of the last source changing fastest.
// Sources that are linked go side by side and end with the shortest of them. The first source is
// read as it goes, and so is what is linked to it; the others are held in memory. Not thread-safe.
class InputRows {
 public:
  // `in` and `wait` must outlive the result. Errors name a file that cannot be read. No sources:
  // one row without inputs. Once `wait` is over, what is not read yet counts as not there.
  static absl::StatusOr<std::unique_ptr<InputRows>> Open(std::vector<InputSource> sources,
                                                         const InputFormat& format,
                                                         std::istream& in,
                                                         const InputWait* wait = nullptr);

  // How many rows there are; 0 if that is not known before the end.
  int64_t total() const { return total_; }

  // One per column of a row; empty if it has no name.
  const std::vector<std::string>& names() const { return names_; }

  // False at the end, or after an error.
  bool Next(std::vector<std::string>& row);
  const absl::Status& status() const { return status_; }

 private:
  using Row = std::vector<std::string>;

  // Sources that are linked to each other.
  struct Group {
    std::vector<std::unique_ptr<SourceReader>> readers;
    std::vector<Row> rows;  // of all groups but the first
  };

  InputRows() = default;

  bool NextOf(Group& group, Row& row);
  absl::Status LoadOthers();
  absl::Status Count();

  int64_t total_ = 0;
  std::vector<std::string> names_;
  absl::Status status_;
  std::vector<Group> groups_;
  Row first_;                      // of the first group
  std::vector<size_t> positions_;  // of the row to come, in the other groups
  bool started_ = false;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_INPUTS_H_
