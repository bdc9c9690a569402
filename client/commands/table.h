#ifndef TAREA_CLIENT_COMMANDS_TABLE_H_
#define TAREA_CLIENT_COMMANDS_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

#include "client/commands/layout.h"

namespace tarea {

struct TableColumn {
  std::string heading;
  enum Align { kLeft, kRight } align = kLeft;
  // When the table is too wide, columns are left out, the one with the highest number first. 0
  // stays whatever happens.
  int leave_out = 0;
  // Before that, texts in this column are cut to no less than this; 0 means they are not cut.
  int cut_to = 0;
  // Shows a state, in its colour.
  bool state = false;
  bool only_wide = false;
  // Is left out if it has no text at all.
  bool only_with_text = false;
};

// Rows under headings, in columns that align. Cells may hold any text; it is made printable, so
// whoever wrote it cannot move the cursor. Not thread-safe.
class Table {
 public:
  explicit Table(std::vector<TableColumn> columns, const Look& look = {});

  // As many cells as there are columns. Empty ones show as "-".
  void Add(std::vector<std::string> cells);

  // Prints the rows added since the last time, and before the first of all the headings. The first
  // time decides which columns are shown; they only grow wider from one time to the next, as far as
  // the look allows.
  void Print(std::ostream& out);
  // The same as lines, without newlines.
  std::vector<std::string> TakeLines();

  // Rows that have not been printed.
  size_t size() const { return rows_.size(); }

 private:
  void ChooseColumns();
  // Cuts columns as far as they allow. True if the table fits then.
  bool Fit();
  int TotalWidth() const;
  std::string Line(const std::vector<std::string>& cells, bool heading) const;

  const std::vector<TableColumn> columns_;
  const Look look_;
  std::vector<int> natural_;  // the widest cell so far
  std::vector<bool> has_text_;
  std::vector<bool> shown_;
  std::vector<int> widths_;  // of those that are shown
  std::vector<std::vector<std::string>> rows_;
  bool headings_printed_ = false;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TABLE_H_
