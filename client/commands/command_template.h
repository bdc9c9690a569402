#ifndef TAREA_CLIENT_COMMANDS_COMMAND_TEMPLATE_H_
#define TAREA_CLIENT_COMMANDS_COMMAND_TEMPLATE_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace tarea {

// A command with its replacement strings:
//   {}      the input; with several sources all of them, as words of their own if {} is a word
//   {.}     without its extension        {/}   without its directory
//   {//}    its directory                {/.}  without directory and extension
//   {1} {1.} {1/} {1//} {1/.}            the same for the first source, and so on
//   {name} {name.} ...                   the same for the column of this name, of a CSV file
//   {#}     number of the task in the batch, from 1
// Anything else in braces stays as it is. Without any of them the inputs are appended as words.
class CommandTemplate {
 public:
  // `names`: one per column of the inputs, empty if it has none.
  explicit CommandTemplate(const std::vector<std::string>& argv,
                           const std::vector<std::string>& names = {});

  // Whether a replacement string occurs that takes the place of an input.
  bool uses_inputs() const { return uses_inputs_; }

  // INVALID_ARGUMENT if it names a source beyond the first `count`, or, where columns have names,
  // something that looks like a name and is none.
  absl::Status Check(size_t count) const;

  // `inputs`: one per source. `append`: at the end, if there is no replacement string.
  std::vector<std::string> Fill(const std::vector<std::string>& inputs, int64_t number,
                                bool append = true) const;

 private:
  enum class Form { kText, kWhole, kNoExtension, kBase, kDirectory, kBaseNoExtension, kNumber };
  struct Piece {
    Form form = Form::kText;
    size_t source = 0;  // from 1; 0 means all
    std::string text;   // as written
  };
  using Word = std::vector<Piece>;

  Word ParseWord(absl::string_view text);
  Piece ParsePiece(absl::string_view braces);
  bool ParseName(absl::string_view inside, Piece& piece);
  static std::string Change(Form form, const std::string& input);

  std::vector<std::string> names_;
  std::vector<Word> words_;
  std::string unknown_;  // the first of what looks like the name of a column
  bool uses_inputs_ = false;
  bool append_ = true;
  size_t highest_source_ = 0;
  std::string highest_text_;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_COMMAND_TEMPLATE_H_
