#include "client/commands/table.h"

#include <algorithm>
#include <utility>

#include "common/logging.h"

namespace tarea {
namespace {

constexpr size_t kMaxCellBytes = 256;
constexpr size_t kMaxWideCellBytes = 4096;
constexpr int kGap = 2;

}  // namespace

Table::Table(std::vector<TableColumn> columns, const Look& look)
    : columns_(std::move(columns)), look_(look), has_text_(columns_.size()) {
  for (const TableColumn& column : columns_) natural_.push_back(DisplayWidth(column.heading));
}

void Table::Add(std::vector<std::string> cells) {
  for (size_t i = 0; i < cells.size(); ++i) {
    if (!cells[i].empty()) has_text_[i] = true;
    cells[i] = cells[i].empty()
                   ? "-"
                   : Printable(cells[i], look_.wide ? kMaxWideCellBytes : kMaxCellBytes);
    natural_[i] = std::max(natural_[i], DisplayWidth(cells[i]));
  }
  rows_.push_back(std::move(cells));
}

void Table::Print(std::ostream& out) {
  for (const std::string& line : TakeLines()) out << line << '\n';
}

std::vector<std::string> Table::TakeLines() {
  std::vector<std::string> lines;
  if (!std::exchange(headings_printed_, true)) {
    ChooseColumns();
    std::vector<std::string> headings;
    for (const TableColumn& column : columns_) headings.push_back(column.heading);
    lines.push_back(Line(headings, /*heading=*/true));
  } else {
    Fit();
  }
  for (const std::vector<std::string>& row : rows_) lines.push_back(Line(row, /*heading=*/false));
  rows_.clear();
  return lines;
}

void Table::ChooseColumns() {
  shown_.assign(columns_.size(), true);
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (columns_[i].only_wide && !look_.wide) shown_[i] = false;
    if (columns_[i].only_with_text && !has_text_[i]) shown_[i] = false;
  }
  while (!Fit()) {
    int least_important = -1;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!shown_[i] || columns_[i].leave_out == 0) continue;
      if (least_important < 0 || columns_[i].leave_out > columns_[least_important].leave_out) {
        least_important = static_cast<int>(i);
      }
    }
    if (least_important < 0) return;  // Line cuts what is still too much
    shown_[least_important] = false;
  }
}

bool Table::Fit() {
  widths_ = natural_;
  if (look_.columns <= 0) return true;
  int excess = TotalWidth() - look_.columns;
  while (excess > 0) {
    // The one with the most to give, so that all end up alike.
    int widest = -1;
    for (size_t i = 0; i < columns_.size(); ++i) {
      if (!shown_[i] || columns_[i].cut_to == 0) continue;
      const int least = std::max(columns_[i].cut_to, DisplayWidth(columns_[i].heading));
      if (widths_[i] > least && (widest < 0 || widths_[i] > widths_[widest])) {
        widest = static_cast<int>(i);
      }
    }
    if (widest < 0) return false;
    --widths_[widest];
    --excess;
  }
  return true;
}

int Table::TotalWidth() const {
  int total = -kGap;
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (shown_[i]) total += kGap + widths_[i];
  }
  return total;
}

std::string Table::Line(const std::vector<std::string>& cells, bool heading) const {
  std::string line;
  int column = 0;   // where the line is
  int pending = 0;  // spaces, which count only if something follows
  for (size_t i = 0; i < columns_.size(); ++i) {
    if (!shown_[i]) continue;
    std::string cell = CutTo(cells[i], std::max(widths_[i], 1));
    const int space = std::max(widths_[i] - DisplayWidth(cell), 0);
    if (columns_[i].align == TableColumn::kRight) pending += space;
    if (look_.columns > 0) {
      const int room = look_.columns - column - pending;
      if (room <= 0) break;
      cell = CutTo(cell, room);
    }
    line.append(pending, ' ');
    column += pending + DisplayWidth(cell);
    if (!look_.colours) {
      line += cell;
    } else if (heading) {
      line += Bold(cell);
    } else {
      line += columns_[i].state ? ColouredState(cells[i], cell) : cell;
    }
    pending = kGap + (columns_[i].align == TableColumn::kLeft ? space : 0);
  }
  return line;
}

}  // namespace tarea
