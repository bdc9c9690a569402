#include "client/commands/layout.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

#include "absl/strings/str_cat.h"
#include "client/commands/facts.h"
#include "client/commands/table.h"
#include "client/commands/terminal.h"

namespace tarea {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using enum TableColumn::Align;

constexpr char kEscape[] = "\x1b";
constexpr char kRightToLeft[] = "\u202e";

// --- Widths
// ------------------------------------------------------------------------------------------

TEST(DisplayWidth, CountsWhatATerminalShows) {
  EXPECT_EQ(DisplayWidth("abc"), 3);
  EXPECT_EQ(DisplayWidth("\u4e2d\u6587"), 4);
  EXPECT_EQ(DisplayWidth("\u00fcber"), 4);
  EXPECT_EQ(DisplayWidth("u\u0308ber"), 4);    // the same with a combining mark
  EXPECT_EQ(DisplayWidth("\U0001f600"), 2);    // a smiley
  EXPECT_EQ(DisplayWidth("\u0e01\u0e34"), 1);  // a Thai letter with its vowel above
}

TEST(CutTo, EndsWithAnEllipsisAndNeverInsideACharacter) {
  EXPECT_EQ(CutTo("hello", 5), "hello");
  EXPECT_EQ(CutTo("hello", 4), "hel\u2026");
  EXPECT_EQ(CutTo("hello", 1), "\u2026");
  EXPECT_EQ(CutTo("\u4e2d\u6587\u5b57", 4), "\u4e2d\u2026");
  EXPECT_EQ(CutTo("\u4e2d\u6587\u5b57", 5), "\u4e2d\u6587\u2026");
}

TEST(Wrap, BreaksBetweenWordsAndOtherwiseAnywhere) {
  EXPECT_THAT(Wrap("one two three", 8), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("one two three", 7), ElementsAre("one two", "three"));
  EXPECT_THAT(Wrap("abcdefgh", 3), ElementsAre("abc", "def", "gh"));
  EXPECT_THAT(Wrap("\u4e2d\u6587", 1), ElementsAre("\u4e2d", "\u6587"));
  EXPECT_THAT(Wrap("any length", 0), ElementsAre("any length"));
  EXPECT_THAT(Wrap("", 10), ElementsAre(""));
}

// --- Tables
// ------------------------------------------------------------------------------------------

TEST(Table, ColumnsAlignAndNothingTrails) {
  Table table({{.heading = "ID", .align = kRight}, {.heading = "NAME"}, {.heading = "STATE"}});
  table.Add({"7", "resize", "ready"});
  table.Add({"1234", "", "done"});
  EXPECT_THAT(table.TakeLines(), ElementsAre("  ID  NAME    STATE",  //
                                             "   7  resize  ready",  //
                                             "1234  -       done"));
}

TEST(Table, WideCharactersTakeTwoColumns) {
  Table table({{.heading = "NAME"}, {.heading = "X"}});
  table.Add({"\u4e2d\u6587\u5b57", "1"});
  table.Add({"u\u0308ber", "2"});
  EXPECT_THAT(table.TakeLines(),
              ElementsAre("NAME    X", "\u4e2d\u6587\u5b57  1", "u\u0308ber    2"));
}

TEST(Table, ALongOneIsPrintedInPartsUnderOneHeading) {
  Table table({{.heading = "A"}, {.heading = "B"}});
  std::ostringstream out;
  table.Add({"long", "1"});
  table.Print(out);
  table.Add({"x", "2"});
  table.Print(out);
  EXPECT_EQ(out.str(), "A     B\nlong  1\nx     2\n");
}

TEST(Table, WhatOthersWroteIsInert) {
  Table table({{.heading = "NAME"}});
  table.Add({absl::StrCat(kEscape, "[31mred", kRightToLeft, "\n\r\b\u009b2J")});
  EXPECT_THAT(table.TakeLines(), ElementsAre("NAME", R"(\x1b[31mred\u202e\n\x0d\x08\x9b2J)"));
}

// ID and STATE stay; ERROR is cut before NOTE goes.
Table Narrow(int columns, bool colours = false) {
  Table table({{.heading = "ID", .align = kRight},
               {.heading = "NOTE", .leave_out = 2},
               {.heading = "ERROR", .leave_out = 1, .cut_to = 6},
               {.heading = "STATE", .state = true}},
              {.columns = columns, .colours = colours});
  table.Add({"1", "short", "a long story", "failed"});
  return table;
}

TEST(Table, CutsTextsBeforeItLeavesOutColumns) {
  EXPECT_THAT(Narrow(31).TakeLines(), ElementsAre("ID  NOTE   ERROR         STATE",  //
                                                  " 1  short  a long story  failed"));
  EXPECT_THAT(Narrow(28).TakeLines(), ElementsAre("ID  NOTE   ERROR      STATE",  //
                                                  " 1  short  a long s\u2026  failed"));
}

TEST(Table, LeavesOutTheLeastImportantColumnsFirst) {
  EXPECT_THAT(Narrow(20).TakeLines(), ElementsAre("ID  ERROR     STATE",  //
                                                  " 1  a long \u2026  failed"));
  EXPECT_THAT(Narrow(12).TakeLines(), ElementsAre("ID  STATE", " 1  failed"));
}

TEST(Table, IsNeverWiderThanTheTerminal) {
  for (int columns = 1; columns <= 40; ++columns) {
    for (const std::string& line : Narrow(columns).TakeLines()) {
      EXPECT_LE(DisplayWidth(line), columns) << line;
    }
  }
}

TEST(Table, ColoursStatesAndHeadingsWithoutMovingAnything) {
  EXPECT_THAT(Narrow(12, /*colours=*/true).TakeLines(),
              ElementsAre("\x1b[1mID\x1b[0m  \x1b[1mSTATE\x1b[0m", " 1  \x1b[31mfailed\x1b[0m"));
}

TEST(Table, AWideOneShowsMoreAndOneWithoutTextIsLeftOut) {
  for (const bool wide : {false, true}) {
    Table table({{.heading = "A"},
                 {.heading = "B", .only_wide = true},
                 {.heading = "C", .only_with_text = true}},
                {.wide = wide});
    table.Add({"1", "2", ""});
    EXPECT_EQ(table.TakeLines().at(0), wide ? "A  B" : "A");
  }
}

// --- Facts
// -------------------------------------------------------------------------------------------

TEST(Facts, GoOnBelowTheirBeginningOnATerminal) {
  std::ostringstream out;
  Facts facts(out, {.columns = 20});
  facts.Line("name", "one two three");
  facts.Line("empty", "");
  facts.Block("text:", "\x1b[2Jabc\n");
  EXPECT_EQ(out.str(),
            "name      one two\n"
            "          three\n"
            "text:\n"
            "  \\x1b[2Jabc\n");
}

TEST(Facts, AreNotWrappedElsewhere) {
  std::ostringstream out;
  Facts facts(out, {});
  facts.Line("name", std::string(500, 'x'));
  EXPECT_EQ(out.str(), absl::StrCat("name      ", std::string(500, 'x'), "\n"));
}

TEST(Terminal, AFileIsNone) { EXPECT_FALSE(DescribeTerminal(-1).is_terminal); }

}  // namespace
}  // namespace tarea
