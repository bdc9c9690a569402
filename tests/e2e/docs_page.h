#ifndef TAREA_TESTS_E2E_DOCS_PAGE_H_
#define TAREA_TESTS_E2E_DOCS_PAGE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace tarea {

// One command of a page, and what the page says that it prints.
struct DocCommand {
  int line = 0;              // of the page, from 1
  std::string command = {};  // for sh
  int exit_code = 0;
  bool hidden = false;  // not shown, so its output does not matter
  std::vector<std::string> output = {};
};

// Lines that the page says are in the logs of what was started before.
struct DocLog {
  int line = 0;
  std::vector<std::string> lines = {};
};

// What a page has to run, in its order: a command, or the log that comes after some.
struct DocStep {
  DocCommand command = {};
  DocLog log = {};
  bool is_log = false;
};

// Takes a Markdown page apart. In its blocks (indented by four spaces, or fenced without a language
// or as "console"), a line "$ COMMAND" is a command, and those up to the next one are its output; a
// command goes on in the next line after a backslash. Output "..." stands for any number of lines.
// Comments in front of a block, each on a line of its own, say more:
//
//   <!-- run: COMMAND -->       a command that readers do not see
//   <!-- exit: 1 -->            the exit code of the block's last command, if it is not 0
//   <!-- log -->                the block is what the programs that run logged so far
//   <!-- not run: WHY -->       the block has commands that cannot be run here
//
// INVALID_ARGUMENT names a line that looks like a command but is not marked as one: what a page
// shows is run.
absl::StatusOr<std::vector<DocStep>> ParseDocPage(absl::string_view text);

// `line` with all that differs from run to run made alike: numbers, times, ids, spaces.
std::string Normalized(absl::string_view line);

// Whether `printed` is what the page says, apart from what differs from run to run and the order of
// the lines, which run side by side.
bool SameOutput(const std::vector<std::string>& said, const std::vector<std::string>& printed);

}  // namespace tarea

#endif  // TAREA_TESTS_E2E_DOCS_PAGE_H_
