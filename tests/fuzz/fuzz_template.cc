// What people write on the command line of `client run` and `client list`: replacement strings,
// lists of inputs, CSV files, ranges, filters. The first byte chooses which.

#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/commands/command_template.h"
#include "client/commands/csv_reader.h"
#include "client/commands/filter.h"
#include "client/commands/input_source.h"
#include "client/commands/inputs.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"

namespace tarea {
namespace {

using Words = std::vector<std::string>;

// Of as many as there may be.
constexpr int kMaxRows = 200;

Words MakeWords(FuzzInput& input, int64_t max) {
  Words words;
  for (int64_t i = input.Below(max + 1); i > 0; --i) words.push_back(input.Text(30));
  return words;
}

void FillTemplate(FuzzInput& input) {
  const Words argv = MakeWords(input, 4);
  const Words names = input.OneIn(2) ? Words() : MakeWords(input, 3);
  const CommandTemplate command(argv, names);
  Words inputs = MakeWords(input, 3);
  if (!names.empty()) inputs.resize(names.size());
  if (const absl::Status status = command.Check(inputs.size()); !status.ok()) {
    return CheckError(status);
  }
  const int64_t number = input.Number();
  const bool append = input.OneIn(2);
  const Words filled = command.Fill(inputs, number, append);
  const Words appended = command.Fill(inputs, number, true);
  FUZZ_CHECK(filled.size() <= appended.size(), absl::StrJoin(filled, " "));
  for (const std::string& word : argv) {
    if (word.find('{') != std::string::npos) return;
  }
  // No replacement string: the words as they are, and the inputs.
  Words expected = argv;
  expected.insert(expected.end(), inputs.begin(), inputs.end());
  FUZZ_CHECK(appended == expected, absl::StrJoin(appended, " "));
}

std::vector<Words> ReadCsv(const std::string& text, char delimiter, absl::Status& status) {
  std::istringstream in(text);
  CsvReader reader(in, delimiter);
  std::vector<Words> records;
  for (Words record; reader.Next(record);) records.push_back(record);
  status = reader.status();
  return records;
}

// What has been read, written with every field in quotes, reads the same.
void ReadCsvTwice(FuzzInput& input) {
  const char delimiter = input.Pick({",", ";", "\t", "|", "\xFF"})[0];
  absl::Status status;
  const std::vector<Words> records = ReadCsv(input.Rest(), delimiter, status);
  if (!status.ok()) CheckError(status);
  std::string text;
  for (const Words& record : records) {
    for (size_t i = 0; i < record.size(); ++i) {
      if (i > 0) text += delimiter;
      absl::StrAppend(&text, "\"", absl::StrReplaceAll(record[i], {{"\"", "\"\""}}), "\"");
    }
    text += '\n';
  }
  FUZZ_CHECK(ReadCsv(text, delimiter, status) == records, text);
  FUZZ_CHECK(status.ok(), status.ToString());
}

// The value of a field as somebody made it up, always the same for the same one.
FilterValue ValueOf(absl::string_view field) {
  if (field == "attempt") return {.texts = {"3"}, .number = 3};
  if (field == "age") return {.texts = {}, .number = 90};
  if (field == "state") return {.texts = {"failed"}};
  if (field == "label.env") return {.texts = {"prod"}};
  if (field == "depends") return {.texts = {"1", "2"}};
  return {};
}

struct WriteTerm {
  void operator()(std::string* out, const Filter::Term& term) const {
    constexpr const char* kOps[] = {"=", "!=", "~", "!~", "<", "<=", ">", ">="};
    const bool numeric = term.kind == FilterField::kNumber || term.kind == FilterField::kAge;
    FUZZ_CHECK(!term.values.empty(), term.field);
    FUZZ_CHECK(!numeric || term.numbers.size() == term.values.size(), term.field);
    absl::StrAppend(out, term.field, kOps[static_cast<size_t>(term.op)]);
    for (size_t i = 0; i < term.values.size(); ++i) {
      if (i > 0) out->push_back('|');
      for (const char c : term.values[i]) out->append({'\\', c});
    }
  }
};

void FilterTasks(FuzzInput& input) {
  static const auto* const fields = new std::vector<FilterField>{{"state", FilterField::kTaskState},
                                                                 {"attempt", FilterField::kNumber},
                                                                 {"age", FilterField::kAge},
                                                                 {"label.", FilterField::kFamily},
                                                                 {"depends"},
                                                                 {"worker"}};
  Filter filter;
  if (const absl::Status status = filter.Add(input.Rest(), *fields); !status.ok()) {
    return CheckError(status);
  }
  FUZZ_CHECK(!filter.empty(), "no terms");
  // Written down with a backslash before each character of a value, it is the same filter.
  const std::string text = absl::StrJoin(filter.terms(), ",", WriteTerm());
  Filter again;
  const absl::Status status = again.Add(text, *fields);
  FUZZ_CHECK(status.ok(), absl::StrCat(text, ": ", status.ToString()));
  FUZZ_CHECK(absl::StrJoin(again.terms(), ",", WriteTerm()) == text, text);
  FUZZ_CHECK(again.Matches(ValueOf) == filter.Matches(ValueOf), text);
}

void ReadRange(FuzzInput& input) {
  const std::string text = input.Text(60);
  const absl::StatusOr<InputRange> range = ParseRange(text);
  if (!range.ok()) return CheckError(range.status());
  std::istringstream in;
  const auto rows = InputRows::Open({{.range = *range}}, {}, in);
  if (!rows.ok()) return CheckError(rows.status());
  int64_t count = 0;
  Words row;
  while (count < kMaxRows && (*rows)->Next(row)) {
    FUZZ_CHECK(row.size() == 1 && !row[0].empty() && row[0][0] != '-', text);
    ++count;
  }
  FUZZ_CHECK(count == kMaxRows || count == (*rows)->total(), text);
}

// A whole line: its command, its lists of inputs, and stdin in place of files.
void ReadLine(FuzzInput& input) {
  const InputFormat format = {.delimiter = input.OneIn(4) ? '\0' : '\n',
                              .csv = input.OneIn(3),
                              .csv_delimiter = input.OneIn(3) ? ';' : ','};
  const Words words = absl::StrSplit(input.Text(300), ' ');
  absl::StatusOr<CommandLine> line = ParseCommandLine(words);
  if (!line.ok()) return CheckError(line.status());
  for (InputSource& source : line->sources) {
    if (!source.file.empty()) source.file = "-";
  }
  std::istringstream in(input.Rest());
  const auto rows = InputRows::Open(line->sources, format, in);
  if (!rows.ok()) return CheckError(rows.status());
  const CommandTemplate command(line->argv, (*rows)->names());
  const size_t columns = (*rows)->names().size();
  if (const absl::Status status = command.Check(columns); !status.ok()) return CheckError(status);
  int64_t count = 0;
  for (Words row; count < kMaxRows && (*rows)->Next(row); ++count) {
    FUZZ_CHECK(row.size() == columns, absl::StrJoin(row, " "));
    command.Fill(row, count + 1);
  }
  if (!(*rows)->status().ok()) return CheckError((*rows)->status());
  const int64_t total = (*rows)->total();
  FUZZ_CHECK(total == 0 || count == kMaxRows || count == total, absl::StrCat(count, "/", total));
}

}  // namespace
}  // namespace tarea

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarea;
  FuzzInput input(data, size);
  switch (input.Below(5)) {
    case 0:
      FillTemplate(input);
      break;
    case 1:
      ReadCsvTwice(input);
      break;
    case 2:
      FilterTasks(input);
      break;
    case 3:
      ReadRange(input);
      break;
    default:
      ReadLine(input);
  }
  return 0;
}
