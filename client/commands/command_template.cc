#include "client/commands/command_template.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
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

}  // namespace

CommandTemplate::CommandTemplate(const std::vector<std::string>& argv,
                                 const std::vector<std::string>& names)
    : names_(names) {
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
  if (ParseName(inside, piece)) return piece;
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

// True if `inside` is the name of a column, perhaps with what is to be done to its value.
bool CommandTemplate::ParseName(absl::string_view inside, Piece& piece) {
  constexpr std::pair<absl::string_view, Form> kSuffixes[] = {{"", Form::kWhole},
                                                              {"/.", Form::kBaseNoExtension},
                                                              {".", Form::kNoExtension},
                                                              {"//", Form::kDirectory},
                                                              {"/", Form::kBase}};
  bool any = false;
  for (size_t i = 0; i < names_.size(); ++i) {
    if (names_[i].empty()) continue;
    any = true;
    for (const auto& [suffix, form] : kSuffixes) {
      if (inside != absl::StrCat(names_[i], suffix)) continue;
      piece.form = form;
      piece.source = i + 1;
      return true;
    }
  }
  const auto part_of_name = [](char c) { return absl::ascii_isalnum(c) || c == '_' || c == '-'; };
  if (any && unknown_.empty() && !inside.empty() && absl::ascii_isalpha(inside[0]) &&
      std::all_of(inside.begin(), inside.end(), part_of_name)) {
    unknown_ = std::string(inside);
  }
  return false;
}

absl::Status CommandTemplate::Check(size_t count) const {
  if (!unknown_.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("the command has {", unknown_, "}, but the columns are ",
                     Printable(absl::StrJoin(names_, ", "), 512),
                     "; if it is not meant for Tarea, write { ", unknown_, " }"));
  }
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
                                               int64_t number, bool append) const {
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
  if (append_ && append) argv.insert(argv.end(), inputs.begin(), inputs.end());
  return argv;
}

}  // namespace tarea
