#include "client/commands/inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

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
  auto rows = InputRows::Open(std::move(sources), delimiter, in);
  EXPECT_TRUE(rows.ok()) << rows.status();
  std::vector<Words> all;
  for (Words row; (*rows)->Next(row);) all.push_back(row);
  EXPECT_TRUE((*rows)->status().ok());
  return all;
}

InputSource Values(Words values) { return {.values = std::move(values), .file = ""}; }
InputSource File(const std::string& name) { return {.values = {}, .file = name}; }

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
  EXPECT_THAT(std::string(ParseCommandLine({"x", ":::+", "a"}).status().message()),
              HasSubstr("(:::+)"));
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
  const auto missing = InputRows::Open({File("/no/such/file")}, '\n', in);
  EXPECT_THAT(std::string(missing.status().message()),
              HasSubstr("/no/such/file: No such file or directory"));

  TempDir dir;  // opens, but cannot be read
  auto rows = InputRows::Open({File(dir.path())}, '\n', in);
  ASSERT_TRUE(rows.ok());
  Words row;
  EXPECT_FALSE((*rows)->Next(row));
  EXPECT_THAT(std::string((*rows)->status().message()), HasSubstr(dir.path()));
}

TEST(InputRows, StdinIsReadOnce) {
  std::istringstream in;
  EXPECT_FALSE(InputRows::Open({File("-"), File("-")}, '\n', in).ok());
}

TEST(InputRows, TheTotalIsKnownWhenTheFirstListIsGiven) {
  std::istringstream in("a\n");
  EXPECT_EQ((*InputRows::Open({Values({"a", "b"}), File("-")}, '\n', in))->total(), 2);
  EXPECT_EQ((*InputRows::Open({File("-")}, '\n', in))->total(), 0);
}

}  // namespace
}  // namespace tarea
