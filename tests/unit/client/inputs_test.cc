#include "client/commands/inputs.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <sstream>
#include <utility>

#include "client/commands/command_template.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using Words = std::vector<std::string>;

Words Fill(const Words& argv, const Words& inputs, int64_t number = 1) {
  return CommandTemplate(argv).Fill(inputs, number);
}

std::vector<Words> Rows(std::vector<InputSource> sources, const std::string& text = "",
                        char delimiter = '\n') {
  std::istringstream in(text);
  auto rows = InputRows::Open(std::move(sources), {.delimiter = delimiter}, in);
  EXPECT_TRUE(rows.ok()) << rows.status();
  std::vector<Words> all;
  for (Words row; (*rows)->Next(row);) all.push_back(row);
  EXPECT_TRUE((*rows)->status().ok());
  return all;
}

InputSource Values(Words values) { return {.values = std::move(values)}; }
InputSource File(const std::string& name) { return {.file = name}; }

// --- The command line
// -------------------------------------------------------------------------------

TEST(ParseCommandLine, SplitsTheCommandFromEachListOfInputs) {
  const auto line = ParseCommandLine({"--", "cp", "{1}", "{2}", ":::", "a", "b", "::::", "f", "g"});
  ASSERT_TRUE(line.ok()) << line.status();
  EXPECT_THAT(line->argv, ElementsAre("cp", "{1}", "{2}"));
  ASSERT_EQ(line->sources.size(), 3);
  EXPECT_THAT(line->sources[0].values, ElementsAre("a", "b"));
  EXPECT_EQ(line->sources[1].file, "f");
  EXPECT_EQ(line->sources[2].file, "g");
}

TEST(ParseCommandLine, FlagsOfTheCommandAreItsOwn) {
  const auto line = ParseCommandLine({"ls", "-l", "--", "x"});
  ASSERT_TRUE(line.ok());
  EXPECT_THAT(line->argv, ElementsAre("ls", "-l", "--", "x"));
  EXPECT_THAT(line->sources, IsEmpty());
}

TEST(ParseCommandLine, NothingToRunIsAnError) {
  for (const Words& words : {Words{}, Words{"--"}, Words{":::", "a"}, Words{"x", "::::"}}) {
    EXPECT_EQ(ParseCommandLine(words).status().code(), absl::StatusCode::kInvalidArgument);
  }
}

// --- Replacement strings
// ------------------------------------------------------------------------------

TEST(CommandTemplate, EachReplacementStringTakesItsPartOfTheInput) {
  EXPECT_THAT(Fill({"{}", "{.}", "{/}", "{//}", "{/.}", "{#}"}, {"dir/a.tar.gz"}, 7),
              ElementsAre("dir/a.tar.gz", "dir/a.tar", "a.tar.gz", "dir", "a.tar", "7"));
}

TEST(CommandTemplate, PathsAtTheEdge) {
  EXPECT_THAT(Fill({"{.}", "{/}", "{//}"}, {"plain"}), ElementsAre("plain", "plain", "."));
  EXPECT_THAT(Fill({"{.}", "{/}", "{//}"}, {"/a"}), ElementsAre("/a", "a", "/"));
  EXPECT_THAT(Fill({"{.}", "{/.}"}, {"d.x/name"}), ElementsAre("d.x/name", "name"));
  EXPECT_THAT(Fill({"{.}", "{/.}"}, {"d/.bashrc"}), ElementsAre("d/.bashrc", ".bashrc"));
  EXPECT_THAT(Fill({"{.}", "{//}"}, {""}), ElementsAre("", "."));
}

TEST(CommandTemplate, ReplacesWithinAWordAndMoreThanOnce) {
  EXPECT_THAT(Fill({"--in={}", "{}-{#}.{}"}, {"a b"}, 2), ElementsAre("--in=a b", "a b-2.a b"));
}

TEST(CommandTemplate, NumbersChooseTheList) {
  EXPECT_THAT(Fill({"{2}{1}", "{1/.}"}, {"d/a.x", "b"}), ElementsAre("bd/a.x", "a"));
}

TEST(CommandTemplate, AloneItBecomesAWordPerList) {
  EXPECT_THAT(Fill({"{}", "x{}y"}, {"a", "b"}), ElementsAre("a", "b", "xa by"));
}

TEST(CommandTemplate, WithoutAnyTheInputsAreAppended) {
  EXPECT_THAT(Fill({"echo", "-n"}, {"a b", "c"}), ElementsAre("echo", "-n", "a b", "c"));
  EXPECT_THAT(Fill({"echo", "{#}"}, {"a"}), ElementsAre("echo", "1"));
  EXPECT_FALSE(CommandTemplate({"echo", "{#}"}).uses_inputs());
}

TEST(CommandTemplate, OtherBracesStayAsTheyAre) {
  EXPECT_THAT(Fill({"{foo}", "{0}", "{", "}", "${x}", "{{}}", "awk {print}", ""}, {"a"}),
              ElementsAre("{foo}", "{0}", "{", "}", "${x}", "{a}", "awk {print}", ""));
}

TEST(CommandTemplate, AnInputThatLooksLikeAReplacementIsNotReplaced) {
  EXPECT_THAT(Fill({"{}", "{}{#}"}, {"{#}"}), ElementsAre("{#}", "{#}1"));
}

TEST(CommandTemplate, ANumberBeyondTheListsIsAnErrorThatNamesIt) {
  const CommandTemplate command({"echo", "{1}", "{3.}"});
  EXPECT_TRUE(command.Check(3).ok());
  EXPECT_THAT(std::string(command.Check(2).message()), HasSubstr("{3.}, but there are 2 lists"));
}

// --- Inputs
// -------------------------------------------------------------------------------------------

TEST(InputRows, NoSourceIsOneRowWithoutInputs) { EXPECT_THAT(Rows({}), ElementsAre(Words{})); }

TEST(InputRows, AllCombinationsTheLastListFastest) {
  EXPECT_THAT(Rows({Values({"a", "b"}), Values({"x", "y"})}),
              ElementsAre(Words{"a", "x"}, Words{"a", "y"}, Words{"b", "x"}, Words{"b", "y"}));
}

TEST(InputRows, AnEmptyListMeansNoRows) {
  EXPECT_THAT(Rows({Values({"a"}), Values({})}), IsEmpty());
  EXPECT_THAT(Rows({File("-")}, ""), IsEmpty());
}

TEST(InputRows, LinesOfStdinWithOrWithoutANewlineAtTheEnd) {
  EXPECT_THAT(Rows({File("-")}, "a b\n\nc"), ElementsAre(Words{"a b"}, Words{""}, Words{"c"}));
  EXPECT_THAT(Rows({File("-")}, "a\n"), ElementsAre(Words{"a"}));
}

TEST(InputRows, NulEndsNamesThatHoldNewlines) {
  EXPECT_THAT(Rows({File("-")}, std::string("a\nb\0c\0", 6), '\0'),
              ElementsAre(Words{"a\nb"}, Words{"c"}));
}

TEST(InputRows, FilesGoWithValues) {
  TempDir dir;
  std::ofstream(dir.path() + "/list") << "1\n2\n";
  EXPECT_THAT(Rows({Values({"a"}), File(dir.path() + "/list")}),
              ElementsAre(Words{"a", "1"}, Words{"a", "2"}));
}

TEST(InputRows, AFileThatCannotBeReadIsNamed) {
  std::istringstream in;
  const auto missing = InputRows::Open({File("/no/such/file")}, {}, in);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("/no/such/file: No such file or directory"));

  // It would open, but cannot be read.
  TempDir dir;
  const auto directory = InputRows::Open({File(dir.path())}, {}, in);
  EXPECT_THAT(std::string(directory.status().message()),
              HasSubstr(dir.path() + ": Is a directory"));
}

TEST(InputRows, AFileThatCannotBeReadToItsEndIsNamed) {
  std::istringstream in;
  // It opens, and then has nothing where it begins.
  auto rows = InputRows::Open({File("/proc/self/mem")}, {}, in);
  ASSERT_TRUE(rows.ok()) << rows.status();
  Words row;
  EXPECT_FALSE((*rows)->Next(row));
  EXPECT_EQ((*rows)->status().message(), "cannot read the inputs in /proc/self/mem to their end");
}

TEST(InputRows, ANamedPipeIsReadAsItsLinesComeAndLeftWhenToldSo) {
  TempDir dir;
  const std::string path = dir.path() + "/pipe";
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  int stop[2];
  ASSERT_EQ(pipe(stop), 0);
  InputWait wait(stop[0]);
  std::istringstream in;
  auto rows = InputRows::Open({File(path)}, {}, in, &wait);
  ASSERT_TRUE(rows.ok()) << rows.status();

  // Nobody writes to it before it is waited for.
  int writer = -1;
  int idle = 0;
  wait.OnIdle([&] {
    ++idle;
    writer = open(path.c_str(), O_WRONLY | O_NONBLOCK);
    return write(writer, "a\nb", 3) == 3;
  });
  Words row;
  EXPECT_TRUE((*rows)->Next(row));
  EXPECT_THAT(row, ElementsAre("a"));
  EXPECT_EQ(idle, 1);

  wait.OnIdle([&] { return close(std::exchange(stop[1], -1)) == 0; });
  EXPECT_TRUE((*rows)->Next(row)) << "what is there is read";
  EXPECT_THAT(row, ElementsAre("b"));
  EXPECT_FALSE((*rows)->Next(row));
  EXPECT_EQ(stop[1], -1);
  EXPECT_TRUE((*rows)->status().ok());
  close(writer);
  close(stop[0]);
}

TEST(InputRows, LinkedListsGoSideBySideToTheEndOfTheShortest) {
  const auto line = ParseCommandLine(
      {"cp", ":::", "a", "b", "c", ":::+", "1", "2", ":::", "x", "y", ":::+", "X", "Y", "Z"});
  ASSERT_TRUE(line.ok());
  EXPECT_THAT(Rows(line->sources),
              ElementsAre(Words{"a", "1", "x", "X"}, Words{"a", "1", "y", "Y"},
                          Words{"b", "2", "x", "X"}, Words{"b", "2", "y", "Y"}));
  EXPECT_THAT(Rows(ParseCommandLine({"cp", ":::", "a", "::::+", "-"})->sources, "1\n2\n"),
              ElementsAre(Words{"a", "1"}));
  std::istringstream in;
  const auto alone = InputRows::Open(ParseCommandLine({"cp", ":::+", "a"})->sources, {}, in);
  EXPECT_THAT(std::string(alone.status().message()), HasSubstr("there is none"));
}

TEST(InputRows, ARangeCounts) {
  const auto range = [](absl::string_view text) {
    std::string numbers;
    for (const Words& row : Rows({{.range = *ParseRange(text)}})) numbers += row[0] + " ";
    return numbers;
  };
  EXPECT_EQ(range("3-5"), "3 4 5 ");
  EXPECT_EQ(range("1-20:9"), "1 10 19 ");
  EXPECT_EQ(range("098-101"), "098 099 100 101 ");
  EXPECT_EQ(range("7-7"), "7 ");
  EXPECT_EQ(range("0-1"), "0 1 ");
  std::istringstream in;
  EXPECT_EQ((*InputRows::Open({{.range = *ParseRange("1-1000000000000")}}, {}, in))->total(),
            1'000'000'000'000);
}

TEST(InputRows, WhatIsNoRangeIsNamed) {
  for (const char* text : {"", "5", "5-", "-5", "a-b", "1-2-3", "1-9:0", "1-9:", "1-9:x",
                           "1-99999999999999999999", "1.5-2"}) {
    EXPECT_THAT(std::string(ParseRange(text).status().message()),
                HasSubstr(std::string("'") + text + "' is no range"))
        << text;
  }
  EXPECT_THAT(std::string(ParseRange("9-1").status().message()),
              HasSubstr("ends before it begins"));
  // One more than can be counted.
  EXPECT_THAT(std::string(ParseRange("0-9223372036854775807").status().message()),
              HasSubstr("too many numbers"));
  EXPECT_TRUE(ParseRange("1-9223372036854775807").ok());
}

// --- CSV
// --------------------------------------------------------------------------------------------

struct Csv {
  std::vector<std::string> names;
  std::vector<Words> rows;
  std::string error;
};

Csv ReadCsv(const std::string& text, char delimiter = ',') {
  std::istringstream in(text);
  auto rows = InputRows::Open({File("-")}, {.csv = true, .csv_delimiter = delimiter}, in);
  if (!rows.ok()) return {.names = {}, .rows = {}, .error = std::string(rows.status().message())};
  Csv csv = {.names = (*rows)->names(), .rows = {}, .error = ""};
  for (Words row; (*rows)->Next(row);) csv.rows.push_back(row);
  csv.error = std::string((*rows)->status().message());
  return csv;
}

TEST(Csv, TheFirstLineNamesTheColumns) {
  const Csv csv = ReadCsv("name,size\nfirst,1\r\nsecond,\n\n");
  EXPECT_THAT(csv.names, ElementsAre("name", "size"));
  EXPECT_THAT(csv.rows, ElementsAre(Words{"first", "1"}, Words{"second", ""}));
  EXPECT_EQ(csv.error, "");
}

TEST(Csv, QuotesHoldDelimitersQuotesAndEndsOfLines) {
  const Csv csv =
      ReadCsv("\xEF\xBB\xBF\"a\",b\n\"x, y\",\"he said \"\"no\"\"\"\n\"two\r\nlines\",\"\"");
  EXPECT_THAT(csv.names, ElementsAre("a", "b"));
  EXPECT_THAT(csv.rows, ElementsAre(Words{"x, y", "he said \"no\""}, Words{"two\r\nlines", ""}));
  EXPECT_EQ(csv.error, "");
}

TEST(Csv, AnotherDelimiterLeavesCommasAlone) {
  EXPECT_THAT(ReadCsv("a\tb\n1,5\t2\n", '\t').rows, ElementsAre(Words{"1,5", "2"}));
}

TEST(Csv, AMistakeIsNamedWithItsLineAndWhatCameBeforeIsKept) {
  const Csv csv = ReadCsv("a,b\n\"1\n1\",2\nonly\n");
  EXPECT_THAT(csv.rows, ElementsAre(Words{"1\n1", "2"}));
  EXPECT_EQ(csv.error, "stdin, line 4: 1 field instead of 2, the first of them 'only'");
  EXPECT_THAT(ReadCsv("a,b\n1,2,3\n").error, HasSubstr("line 2: 3 fields instead of 2"));
  EXPECT_THAT(ReadCsv("a\n\"x\ny").error,
              HasSubstr("line 2: the field 'x\\ny' begins with a quote that is never closed"));
  EXPECT_THAT(ReadCsv("a\n\"x\"y\n").error, HasSubstr("line 2: the field 'x' goes on behind"));
  EXPECT_THAT(ReadCsv("a\nx\"y\n").error, HasSubstr("has a quote in the middle"));
  EXPECT_THAT(ReadCsv("a,a\n").error, HasSubstr("two columns have the name 'a'"));
  EXPECT_THAT(ReadCsv("").error, HasSubstr("no line with the names of the columns"));
}

TEST(Csv, ColumnsAreNamedInTheCommandOrNumbered) {
  const CommandTemplate command(
      {"{file}", "{file.}", "{file/}", "{file//}", "{file/.}", "{2}", "{ no }"}, {"file", "n"});
  EXPECT_TRUE(command.Check(2).ok());
  EXPECT_THAT(command.Fill({"d/x.y", "7"}, 1),
              ElementsAre("d/x.y", "d/x", "x.y", "d", "x", "7", "{ no }"));
}

TEST(Csv, ANameThatNoColumnHasIsAMistake) {
  const CommandTemplate command({"echo", "{sise}"}, {"file", "size"});
  EXPECT_EQ(std::string(command.Check(2).message()),
            "the command has {sise}, but the columns are file, size; if it is not meant for Tarea, "
            "write { sise }");
  EXPECT_TRUE(CommandTemplate({"echo", "{sise}"}).Check(1).ok());
}

TEST(InputRows, StdinIsReadOnce) {
  std::istringstream in;
  EXPECT_FALSE(InputRows::Open({File("-"), File("-")}, {}, in).ok());
}

TEST(InputRows, TheTotalIsKnownWhenTheFirstListIsGiven) {
  std::istringstream in("a\n");
  EXPECT_EQ((*InputRows::Open({Values({"a", "b"}), File("-")}, {}, in))->total(), 2);
  EXPECT_EQ((*InputRows::Open({File("-")}, {}, in))->total(), 0);
}

}  // namespace
}  // namespace tarea
