#include "tests/e2e/docs_page.h"

#include <algorithm>
#include <array>
#include <optional>
#include <regex>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tarea {
namespace {

constexpr absl::string_view kIndent = "    ";
constexpr absl::string_view kAnything = "...";

// What a line begins with that is a command of ours.
constexpr std::array<absl::string_view, 12> kPrograms = {
    "client ",      "worker ",   "master ",  "tarea-client ", "tarea-worker ", "tarea-master ",
    "./build/bin/", "./scripts", "scripts/", "bench/",        "cmake ",        "cmake --build",
};

class PageParser {
 public:
  absl::StatusOr<std::vector<DocStep>> Parse(absl::string_view text);

 private:
  void Outside(absl::string_view line);
  void Inside(absl::string_view line);
  void EndCommand();
  void EndBlock();
  bool Directive(absl::string_view line);

  int number_ = 0;
  std::vector<DocStep> steps_;
  absl::Status status_;

  bool fenced_ = false;    // in a fenced block
  bool skip_ = false;      // this fenced block is code in some language
  bool indented_ = false;  // in an indented one
  bool blank_ = true;      // the line before was blank
  // Of the block to come.
  bool not_run_ = false;
  bool log_ = false;
  int exit_code_ = 0;
  // Of the block that is read.
  std::optional<DocStep> step_;
  bool continued_ = false;
};

absl::StatusOr<std::vector<DocStep>> PageParser::Parse(absl::string_view text) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number_;
    if (absl::StartsWith(line, "```")) {
      if (!std::exchange(fenced_, !fenced_)) {
        EndBlock();
        const absl::string_view language = line.substr(3);
        skip_ = !language.empty() && language != "console";
      } else {
        EndBlock();
        indented_ = skip_ = false;
      }
    } else if (fenced_) {
      if (!skip_) Inside(line);
    } else if (absl::StartsWith(line, kIndent) && (blank_ || indented_)) {
      indented_ = true;
      Inside(line.substr(kIndent.size()));
    } else if (line.empty() && indented_) {
      Inside(line);
    } else {
      Outside(line);
    }
    blank_ = line.empty();
    if (!status_.ok()) return status_;
  }
  EndBlock();
  return std::move(steps_);
}

void PageParser::Outside(absl::string_view line) {
  if (std::exchange(indented_, false)) EndBlock();
  if (Directive(line)) return;
  // What was said holds for the block that comes next, not for one far below.
  if (!line.empty()) {
    not_run_ = log_ = false;
    exit_code_ = 0;
  }
}

bool PageParser::Directive(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "<!-- ") || !absl::ConsumeSuffix(&line, " -->")) return false;
  if (absl::ConsumePrefix(&line, "run: ")) {
    steps_.push_back({.command = {.line = number_, .command = std::string(line), .hidden = true}});
  } else if (absl::ConsumePrefix(&line, "exit: ")) {
    if (!absl::SimpleAtoi(line, &exit_code_)) {
      status_ = absl::InvalidArgumentError(absl::StrCat("line ", number_, ": no exit code"));
    }
  } else if (absl::StartsWith(line, "not run: ")) {
    not_run_ = true;
  } else if (line == "log") {
    log_ = true;
    step_ = DocStep{.log = {.line = number_ + 1}, .is_log = true};
  }
  return true;
}

void PageParser::Inside(absl::string_view line) {
  if (not_run_) return;
  if (continued_) {
    absl::StrAppend(&step_->command.command, "\n", absl::StripLeadingAsciiWhitespace(line));
  } else if (log_) {
    if (!line.empty()) step_->log.lines.emplace_back(line);
    return;
  } else if (absl::ConsumePrefix(&line, "$ ")) {
    EndCommand();
    step_ = DocStep{.command = {.line = number_, .command = std::string(line)}};
  } else if (step_.has_value()) {
    step_->command.output.emplace_back(line);
    return;
  } else {
    for (const absl::string_view program : kPrograms) {
      if (!absl::StartsWith(line, program)) continue;
      status_ = absl::InvalidArgumentError(
          absl::StrCat("line ", number_, ": '", line,
                       "' looks like a command; begin it with '$ ' so that it is run, or say why "
                       "not with <!-- not run: WHY -->"));
    }
    return;
  }
  continued_ = absl::EndsWith(step_->command.command, "\\");
}

void PageParser::EndCommand() {
  if (!step_.has_value()) return;
  std::vector<std::string>& output = step_->command.output;
  while (!output.empty() && output.back().empty()) output.pop_back();
  steps_.push_back(*std::move(step_));
  step_.reset();
}

void PageParser::EndBlock() {
  if (step_.has_value()) step_->command.exit_code = exit_code_;
  EndCommand();
  continued_ = not_run_ = log_ = false;
  exit_code_ = 0;
}

}  // namespace

absl::StatusOr<std::vector<DocStep>> ParseDocPage(absl::string_view text) {
  return PageParser().Parse(text);
}

std::string Normalized(absl::string_view line) {
  // In this order: what is longer goes first.
  static const auto* const kRules = new std::vector<std::pair<std::regex, std::string>>{
      {std::regex(R"(\bw[0-9]-[0-9a-f]{16}\b)"), "WORKER"},
      {std::regex(R"(\b[0-9a-f]{16}\b)"), "HEX"},
      {std::regex(R"((in )?[0-9.]+(ms|us|ns|[smhd])([0-9]+[smh])?( ago)?|\bnow\b|<1ms)"), "TIME"},
      {std::regex(R"([0-9]+([.,:/-][0-9]+)*)"), "N"},
      {std::regex(R"(\bin N\b)"), "TIME"},  // succeeded in 0
      {std::regex(R"([ \t]+)"), " "},
      {std::regex(R"(^ | $)"), ""},
  };
  std::string text(line);
  for (const auto& [what, instead] : *kRules) text = std::regex_replace(text, what, instead);
  return text;
}

bool SameOutput(const std::vector<std::string>& said, const std::vector<std::string>& printed) {
  std::vector<std::string> left;
  left.reserve(printed.size());
  for (const std::string& line : printed) left.push_back(Normalized(line));
  bool anything = false;
  for (const std::string& line : said) {
    if (absl::StripAsciiWhitespace(line) == kAnything) {
      anything = true;
      continue;
    }
    const auto found = std::find(left.begin(), left.end(), Normalized(line));
    if (found == left.end()) return false;
    left.erase(found);
  }
  return anything || left.empty();
}

}  // namespace tarea
