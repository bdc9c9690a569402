#ifndef TAREA_EXAMPLES_CSV_REPORT_H_
#define TAREA_EXAMPLES_CSV_REPORT_H_

#include <cstdint>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "worker/handler.h"

// What a task of type "csv_report" asks for. On the wire it is JSON:
//   {"path": "sales.csv", "group_by": "region", "sum": "amount"}
struct CsvReportRequest {
  std::string path;      // a file whose first line names its columns
  std::string group_by;  // a column
  std::string sum;       // a column with numbers
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CsvReportRequest, path, group_by, sum)

// What it answers: {"rows": 3, "totals": {"north": 12.5, "south": 7.0}}
struct CsvReport {
  int64_t rows = 0;
  std::map<std::string, double> totals;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(CsvReport, rows, totals)

absl::StatusOr<CsvReport> MakeCsvReport(const CsvReportRequest& request,
                                        tarea::TaskContext& context);

#endif  // TAREA_EXAMPLES_CSV_REPORT_H_
