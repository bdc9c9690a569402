#include "client/commands/inputs.h"

#include <errno.h>
#include <string.h>

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/logging.h"

namespace tarea {
namespace {

absl::string_view Base(absl::string_view path) {
  const size_t slash = path.rfind('/');
  return slash == absl::string_view::npos ? path : path.substr(slash + 1);
}

// A name that begins with its only dot, .bashrc, has no extension.
absl::string_view NoExtension(absl::string_view path) {
  const absl::string_view base = Base(path);
  const size_t dot = base.rfind('.');
  if (dot == absl::string_view::npos || dot == 0) return path;
  return path.substr(0, path.size() - (base.size() - dot));
}

absl::string_view Directory(absl::string_view path) {
  const size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

absl::StatusOr<std::istream*> OpenFile(const std::string& name, std::ifstream& file,
                                       std::istream& in) {
  if (name == "-") return &in;
  errno = 0;
  file.open(name, std::ios::binary);
  if (file) return &file;
  return absl::InvalidArgumentError(
      absl::StrCat("cannot read the inputs in ", Printable(name), ": ",
                   strerror(errno)));  // NOLINT(concurrency-mt-unsafe)
}

absl::Status ReadError(const std::string& name) {
  return absl::InvalidArgumentError(
      absl::StrCat("cannot read the inputs in ", Printable(name), " to their end"));
}

}  // namespace

absl::StatusOr<CommandLine> ParseCommandLine(const std::vector<std::string>& words) {
  CommandLine line;
  enum { kCommand, kValues, kFiles } part = kCommand;
  size_t i = !words.empty() && words[0] == "--" ? 1 : 0;
  for (; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == ":::") {
      part = kValues;
      line.sources.emplace_back();
    } else if (word == "::::") {
      part = kFiles;
    } else if (word == ":::+" || word == "::::+") {
      return absl::InvalidArgumentError(
          absl::StrCat("inputs that go in pairs (", word, ") are not supported"));
    } else if (part == kCommand) {
      line.argv.push_back(word);
    } else if (part == kValues) {
      line.sources.back().values.push_back(word);
    } else if (word.empty()) {
      return absl::InvalidArgumentError("the name of a file after :::: is empty");
    } else {
      line.sources.push_back({.values = {}, .file = word});
    }
  }
  if (part == kFiles && line.sources.empty()) {
    return absl::InvalidArgumentError(":::: needs the name of a file, or - for stdin");
  }
  if (line.argv.empty()) {
    return absl::InvalidArgumentError(
        "there is no command; write for instance: client run -- gzip {} ::: a b c");
  }
  return line;
}

CommandTemplate::CommandTemplate(const std::vector<std::string>& argv) {
  for (const std::string& text : argv) {
    words_.push_back(ParseWord(text));
    for (const Piece& piece : words_.back()) {
      if (piece.form == Form::kText) continue;
      append_ = false;
      if (piece.form != Form::kNumber) uses_inputs_ = true;
      if (piece.source > highest_source_) {
        highest_source_ = piece.source;
        highest_text_ = piece.text;
      }
    }
  }
}

CommandTemplate::Word CommandTemplate::ParseWord(absl::string_view text) {
  Word word;
  const auto add_text = [&](absl::string_view more) {
    if (word.empty() || word.back().form != Form::kText) word.emplace_back();
    absl::StrAppend(&word.back().text, more);
  };
  if (text.empty()) add_text("");
  while (!text.empty()) {
    const size_t open = text.find('{');
    const size_t close = open == absl::string_view::npos ? open : text.substr(open).find('}');
    if (close == absl::string_view::npos) {
      add_text(text);
      break;
    }
    if (open > 0) add_text(text.substr(0, open));
    Piece piece = ParsePiece(text.substr(open, close + 1));
    if (piece.form == Form::kText) {
      // Only the brace: another one may follow inside, as in {{}}.
      add_text("{");
      text.remove_prefix(open + 1);
    } else {
      word.push_back(std::move(piece));
      text.remove_prefix(open + close + 1);
    }
  }
  return word;
}

// `braces` begins with { and ends with }.
CommandTemplate::Piece CommandTemplate::ParsePiece(absl::string_view braces) {
  Piece piece;
  piece.text.assign(braces.data(), braces.size());
  absl::string_view inside = braces.substr(1, braces.size() - 2);
  if (inside == "#") {
    piece.form = Form::kNumber;
    return piece;
  }
  const size_t digits = std::min(inside.find_first_not_of("0123456789"), inside.size());
  if (digits > 0) {
    // Four digits are more sources than anybody has; {0} and the like are not ours.
    int source = 0;
    if (digits > 4 || !absl::SimpleAtoi(inside.substr(0, digits), &source) || source == 0) {
      return piece;
    }
    piece.source = static_cast<size_t>(source);
    inside.remove_prefix(digits);
  }
  if (inside.empty()) piece.form = Form::kWhole;
  if (inside == ".") piece.form = Form::kNoExtension;
  if (inside == "/") piece.form = Form::kBase;
  if (inside == "//") piece.form = Form::kDirectory;
  if (inside == "/.") piece.form = Form::kBaseNoExtension;
  if (piece.form == Form::kText) piece.source = 0;
  return piece;
}

absl::Status CommandTemplate::Check(size_t count) const {
  if (highest_source_ <= count) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("the command has ", highest_text_, ", but there ",
                   count == 1 ? "is 1 list" : absl::StrCat("are ", count, " lists"), " of inputs"));
}

std::string CommandTemplate::Change(Form form, const std::string& input) {
  switch (form) {
    case Form::kNoExtension:
      return std::string(NoExtension(input));
    case Form::kBase:
      return std::string(Base(input));
    case Form::kDirectory:
      return std::string(Directory(input));
    case Form::kBaseNoExtension:
      return std::string(NoExtension(Base(input)));
    default:
      return input;
  }
}

std::vector<std::string> CommandTemplate::Fill(const std::vector<std::string>& inputs,
                                               int64_t number) const {
  std::vector<std::string> argv;
  for (const Word& word : words_) {
    const auto of_all = [&](Form form) {
      std::vector<std::string> changed;
      changed.reserve(inputs.size());
      for (const std::string& input : inputs) changed.push_back(Change(form, input));
      return changed;
    };
    const Piece& only = word[0];
    if (word.size() == 1 && only.source == 0 && only.form != Form::kText &&
        only.form != Form::kNumber) {
      for (std::string& input : of_all(only.form)) argv.push_back(std::move(input));
      continue;
    }
    std::string text;
    for (const Piece& piece : word) {
      if (piece.form == Form::kText) {
        text += piece.text;
      } else if (piece.form == Form::kNumber) {
        absl::StrAppend(&text, number);
      } else if (piece.source == 0) {
        absl::StrAppend(&text, absl::StrJoin(of_all(piece.form), " "));
      } else {
        text += Change(piece.form, inputs[piece.source - 1]);
      }
    }
    argv.push_back(std::move(text));
  }
  if (append_) argv.insert(argv.end(), inputs.begin(), inputs.end());
  return argv;
}

absl::StatusOr<std::unique_ptr<InputRows>> InputRows::Open(std::vector<InputSource> sources,
                                                           char delimiter, std::istream& in) {
  std::unique_ptr<InputRows> rows(new InputRows());
  rows->delimiter_ = delimiter;
  if (sources.empty()) {
    rows->no_sources_ = true;
    rows->total_ = 1;
    return rows;
  }
  int of_stdin = 0;
  for (const InputSource& source : sources) of_stdin += source.file == "-" ? 1 : 0;
  if (of_stdin > 1) return absl::InvalidArgumentError("stdin (-) can only be read once");
  if (absl::Status status = rows->LoadOthers(sources, in); !status.ok()) return status;
  rows->first_ = std::move(sources[0]);
  if (rows->first_.file.empty()) {
    rows->total_ = static_cast<int64_t>(rows->first_.values.size());
    for (const std::vector<std::string>& other : rows->others_) {
      if (__builtin_mul_overflow(rows->total_, static_cast<int64_t>(other.size()), &rows->total_)) {
        return absl::InvalidArgumentError("there are too many combinations of inputs");
      }
    }
  } else {
    auto stream = OpenFile(rows->first_.file, rows->file_, in);
    if (!stream.ok()) return stream.status();
    rows->stream_ = *stream;
  }
  return rows;
}

absl::Status InputRows::LoadOthers(std::vector<InputSource>& sources, std::istream& in) {
  for (size_t i = 1; i < sources.size(); ++i) {
    std::vector<std::string> values = std::move(sources[i].values);
    if (!sources[i].file.empty()) {
      std::ifstream file;
      auto stream = OpenFile(sources[i].file, file, in);
      if (!stream.ok()) return stream.status();
      std::string line;
      while (std::getline(**stream, line, delimiter_)) values.push_back(std::move(line));
      if ((*stream)->bad()) return ReadError(sources[i].file);
    }
    others_.push_back(std::move(values));
  }
  positions_.assign(others_.size(), 0);
  return absl::OkStatus();
}

bool InputRows::NextOfFirst() {
  if (stream_ == nullptr) {
    if (next_value_ >= first_.values.size()) return false;
    first_input_ = first_.values[next_value_++];
    return true;
  }
  if (std::getline(*stream_, first_input_, delimiter_)) return true;
  if (stream_->bad()) status_ = ReadError(first_.file);
  return false;
}

bool InputRows::Next(std::vector<std::string>& row) {
  row.clear();
  if (no_sources_) return !std::exchange(started_, true);
  for (const std::vector<std::string>& other : others_) {
    if (other.empty()) return false;
  }
  // Counts up like an odometer; when it is round, the first source moves on.
  bool round = true;
  if (std::exchange(started_, true)) {
    for (size_t i = positions_.size(); round && i-- > 0;) {
      round = ++positions_[i] == others_[i].size();
      if (round) positions_[i] = 0;
    }
  }
  if (round && !NextOfFirst()) return false;
  row.push_back(first_input_);
  for (size_t i = 0; i < others_.size(); ++i) row.push_back(others_[i][positions_[i]]);
  return true;
}

}  // namespace tarea
