// A handler of one's own: sums up a column of a CSV file by the values of another one. Knows
// nothing of masters and workers, so that csv_report_test.cc can call it alone.
#include "examples/csv_report.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace {

// Where a column is. That there is none will not change by trying again.
absl::StatusOr<size_t> FindColumn(const std::vector<std::string>& columns, const std::string& name,
                                  const std::string& path) {
  const auto column = std::find(columns.begin(), columns.end(), name);
  if (column != columns.end()) return column - columns.begin();
  return tarea::NonRetryable(absl::InvalidArgumentError(
      absl::StrCat(path, " has no column '", name, "'; it has ", absl::StrJoin(columns, ", "))));
}

}  // namespace

absl::StatusOr<CsvReport> MakeCsvReport(const CsvReportRequest& request,
                                        tarea::TaskContext& context) {
  std::ifstream file(request.path);
  // May be there later, or on another machine: the task's retry policy decides.
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("cannot read ", request.path));
  std::string line;
  std::getline(file, line);
  const std::vector<std::string> columns = absl::StrSplit(line, ',');
  const absl::StatusOr<size_t> group = FindColumn(columns, request.group_by, request.path);
  if (!group.ok()) return group.status();
  const absl::StatusOr<size_t> sum = FindColumn(columns, request.sum, request.path);
  if (!sum.ok()) return sum.status();

  CsvReport report;
  std::error_code ignored;
  const auto size = static_cast<double>(std::filesystem::file_size(request.path, ignored));
  auto read = static_cast<double>(line.size() + 1);
  while (std::getline(file, line)) {
    if (report.rows % 1000 == 0) {
      if (context.stopped()) return absl::CancelledError("told to stop");
      context.SetProgress(read / size, absl::StrCat(report.rows, " rows"));
    }
    read += static_cast<double>(line.size() + 1);
    ++report.rows;
    const std::vector<std::string> fields = absl::StrSplit(line, ',');
    double value = 0;
    if (fields.size() != columns.size() || !absl::SimpleAtod(fields[*sum], &value)) {
      return tarea::NonRetryable(absl::InvalidArgumentError(
          absl::StrCat(request.path, " line ", report.rows + 1, ": '", line, "' has no number in '",
                       request.sum, "', or not ", columns.size(), " fields")));
    }
    report.totals[fields[*group]] += value;
  }
  context.Log(absl::StrCat(report.rows, " rows in ", report.totals.size(), " groups"));
  return report;
}
