#ifndef TAREA_CLIENT_COMMANDS_INPUTS_H_
#define TAREA_CLIENT_COMMANDS_INPUTS_H_

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <istream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What `client run` does with its words: a command with replacement strings, and the inputs that go
// in their place, as GNU parallel has them. No shell takes part.
namespace tarea {

// One list of inputs: values, or the lines of a file.
struct InputSource {
  std::vector<std::string> values;
  // Not empty: its lines instead; "-" is stdin.
  std::string file;
};

struct CommandLine {
  std::vector<std::string> argv;
  std::vector<InputSource> sources;
};

// Takes apart "CMD ARG... ::: VALUE... :::: FILE...", where each ::: begins a source of values, and
// each file after :::: is a source of lines. A "--" before CMD is dropped. INVALID_ARGUMENT if
// there is no command.
absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& words);

// A command with its replacement strings:
//   {}      the input; with several sources all of them, as words of their own if {} is a word
//   {.}     without its extension        {/}   without its directory
//   {//}    its directory                {/.}  without directory and extension
//   {1} {1.} {1/} {1//} {1/.}            the same for the first source, and so on
//   {#}     number of the task in the batch, from 1
// Anything else in braces stays as it is. Without any of them the inputs are appended as words.
class CommandTemplate {
 public:
  explicit CommandTemplate(const std::vector<std::string>& argv);

  // Whether a replacement string occurs that takes the place of an input.
  bool uses_inputs() const { return uses_inputs_; }

  // INVALID_ARGUMENT if it names a source beyond the first `count`.
  absl::Status Check(size_t count) const;

  // `inputs`: one per source.
  std::vector<std::string> Fill(const std::vector<std::string>& inputs, int64_t number) const;

 private:
  enum class Form { kText, kWhole, kNoExtension, kBase, kDirectory, kBaseNoExtension, kNumber };
  struct Piece {
    Form form = Form::kText;
    size_t source = 0;  // from 1; 0 means all
    std::string text;   // as written
  };
  using Word = std::vector<Piece>;

  static Word ParseWord(absl::string_view text);
  static Piece ParsePiece(absl::string_view braces);
  static std::string Change(Form form, const std::string& input);

  std::vector<Word> words_;
  bool uses_inputs_ = false;
  bool append_ = true;
  size_t highest_source_ = 0;
  std::string highest_text_;
};

// The inputs, one from each source: all combinations, those of the last source changing fastest.
// The first source is read as it goes, the others are held in memory. Not thread-safe.
class InputRows {
 public:
  // Lines end with `delimiter`. `in` must outlive the result. Errors name a file that cannot be
  // read. No sources: one row without inputs.
  static absl::StatusOr<std::unique_ptr<InputRows>> Open(std::vector<InputSource> sources,
                                                         char delimiter, std::istream& in);

  // How many rows there are; 0 if that is not known before the end.
  int64_t total() const { return total_; }

  // False at the end, or after an error.
  bool Next(std::vector<std::string>& row);
  const absl::Status& status() const { return status_; }

 private:
  InputRows() = default;

  bool NextOfFirst();
  absl::Status LoadOthers(std::vector<InputSource>& sources, std::istream& in);

  char delimiter_ = '\n';
  int64_t total_ = 0;
  absl::Status status_;

  InputSource first_;
  size_t next_value_ = 0;
  std::ifstream file_;
  std::istream* stream_ = nullptr;  // null: first_.values
  std::string first_input_;

  std::vector<std::vector<std::string>> others_;
  std::vector<size_t> positions_;  // of the row to come, in others_
  bool started_ = false;
  bool no_sources_ = false;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_INPUTS_H_
