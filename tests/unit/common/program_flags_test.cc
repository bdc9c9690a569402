#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "common/config_file.h"
#include "common/did_you_mean.h"
#include "common/exit_codes.h"
#include "common/flags.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

// --- Did you mean
// ----------------------------------------------------------------------------------------

TEST(DidYouMean, CountsLettersAddedLeftOutReplacedAndSwapped) {
  EXPECT_EQ(EditDistance("", "abc"), 3);
  EXPECT_EQ(EditDistance("queue", "queue"), 0);
  EXPECT_EQ(EditDistance("qeue", "queue"), 1);
  EXPECT_EQ(EditDistance("quueue", "queue"), 1);
  EXPECT_EQ(EditDistance("qoeue", "queue"), 1);
  EXPECT_EQ(EditDistance("uqeue", "queue"), 1);
}

TEST(DidYouMean, SuggestsTheClosestAndNothingThatIsFar) {
  const std::vector<std::string> known = {"status", "stats", "submit", "run"};
  EXPECT_EQ(Closest("statu", known), "status");
  EXPECT_EQ(Closest("sumbit", known), "submit");
  EXPECT_EQ(Closest("subm", known), "submit");
  EXPECT_EQ(Closest("rnu", known), "run");
  EXPECT_EQ(Closest("frobnicate", known), "");
  EXPECT_EQ(Closest(std::string(100'000, 's'), known), "");
}

// --- The file
// --------------------------------------------------------------------------------------------

class ConfigFile : public testing::Test {
 protected:
  absl::StatusOr<std::vector<ConfigEntry>> Read(const std::string& text) {
    std::ofstream(path_) << text;
    return ReadConfigFile(path_);
  }
  const TempDir dir_;
  const std::string path_ = dir_.path() + "/client.toml";
};

TEST_F(ConfigFile, HasKeysTablesAndListsInTheOrderOfItsLines) {
  const auto entries = Read("b = 2\na = [\"x, #1\", true]\n\n[run]\nqueue = 'q\"' # why\n");
  ASSERT_TRUE(entries.ok()) << entries.status();
  ASSERT_EQ(entries->size(), 3);
  EXPECT_EQ((*entries)[0].key, "b");
  EXPECT_THAT((*entries)[0].values, ElementsAre("2"));
  EXPECT_THAT((*entries)[1].values, ElementsAre("x, #1", "true"));
  EXPECT_EQ((*entries)[2].section, "run");
  EXPECT_THAT((*entries)[2].values, ElementsAre("q\""));
  EXPECT_EQ((*entries)[2].line, 5);
}

TEST_F(ConfigFile, InQuotesAndCommentsThereMayBeAnyLetter) {
  for (const char* text :
       {"a = \"\u00e9\" # \u00e9", "a = '\u00e9' # '\nb = 1", "a = \"\\\"\u00e9\"",
        "a = \"\"\"\n\"\u00e9\"\"\u00e9\"\"\"\"\" # \u00e9", "a = ''''\u00e9''''"}) {
    EXPECT_TRUE(Read(text).ok()) << text << ": " << Read(text).status();
  }
}

TEST_F(ConfigFile, WhatIsNoTomlIsToldWithItsLine) {
  EXPECT_THAT(Read("a = 1\nb = \n").status().message(), HasSubstr(path_ + ":2: this is not TOML"));
  // The library would not look.
  for (const char* header : {"[=]", "[", " [\t", "[[=]]", "[\x01]", "[\xc2\xa0=]"}) {
    EXPECT_THAT(Read(absl::StrCat("a = 1\n", header, "\n")).status().message(),
                HasSubstr(path_ + ":2: this is not TOML"))
        << header;
  }
  EXPECT_THAT(Read("\xef\xbb\xbf[=]").status().message(), HasSubstr(":1: this is not TOML"));
  // Nor here.
  for (const char* text : {"a = 1\nb = \u00e9", "a = 1\n\u00e9 = 1", "a = \"x\\\"\" #\n\u00e9",
                           "a = \"\"\"\n\"\"\" \u00e9", "a = ''\n\u00e9"}) {
    EXPECT_THAT(Read(text).status().message(),
                HasSubstr(path_ + ":2: this is not TOML: '\u00e9' may only stand in quotes"))
        << text;
  }
  EXPECT_THAT(Read("a = 1\na = 2\n").status().message(), HasSubstr(path_ + ":2: "));
  EXPECT_THAT(Read("a = 2020-01-01\n").status().message(), HasSubstr("'a' is a kind of value"));
  EXPECT_THAT(Read("[a.b]\nc = 1\n").status().message(), HasSubstr("'b' is a table"));
}

TEST_F(ConfigFile, AFileWithoutEndIsNotReadToItsEnd) {
  EXPECT_THAT(ReadConfigFile("/dev/zero").status().message(), HasSubstr("larger than 1048576"));
}

TEST_F(ConfigFile, AnyTextComesBackFromItsTomlString) {
  const std::string text = "a\"b\\c\n\t\x01\x7f \xc3\xa4 #";
  const auto entries = Read(absl::StrCat("k = ", TomlString(text), "\n"));
  ASSERT_TRUE(entries.ok()) << entries.status();
  EXPECT_THAT((*entries)[0].values, ElementsAre(text));
}

// --- Kinds of values
// --------------------------------------------------------------------------------------

TEST(Masters, AreHostsWithPortsAndNothingElse) {
  const auto parse = [](const std::string& masters) {
    CLI::App app("", "prog");
    std::vector<std::string> taken;
    AddMasters(app, taken, "");
    std::ostringstream out;
    std::ostringstream err;
    ProgramFlags flags(app, out, err);
    const char* const argv[] = {"prog", "--master", masters.c_str()};
    return flags.Parse(3, argv).has_value() ? std::vector<std::string>() : taken;
  };
  EXPECT_THAT(parse("127.0.0.1:50051,[::1]:1,host:65535"),
              ElementsAre("127.0.0.1:50051", "[::1]:1", "host:65535"));
  for (const char* address :
       {"host", "host:", ":1", "host:0", "host:65536", "host:http", "a:1,b"}) {
    EXPECT_THAT(parse(address), IsEmpty()) << address;
  }
}

TEST(Pairs, AreNamesWithAnyValueAndTheLastOfANameCounts) {
  std::string mistake;
  const auto parse = [&](std::vector<const char*> argv) {
    CLI::App app("", "prog");
    std::map<std::string, std::string> pairs;
    AddPairs(app, "--label", pairs, "");
    std::ostringstream out;
    std::ostringstream err;
    ProgramFlags flags(app, out, err);
    argv.insert(argv.begin(), "prog");
    const std::optional<int> exit = flags.Parse(static_cast<int>(argv.size()), argv.data());
    mistake = err.str();
    EXPECT_EQ(exit.has_value(), !mistake.empty());
    return pairs;
  };
  EXPECT_THAT(parse({"--label", "a=b=c", "--label", "d=", "--label=e=1", "--label", "e=2"}),
              ElementsAre(Pair("a", "b=c"), Pair("d", ""), Pair("e", "2")));
  EXPECT_THAT(mistake, IsEmpty());
  for (const char* text : {"x", "=x", ""}) {
    parse({"--label", text});
    EXPECT_THAT(mistake, HasSubstr(absl::StrCat("--label: '", text, "' is not NAME=VALUE")));
  }
  parse({"--label", "a=1", "b=2"});
  EXPECT_THAT(mistake, HasSubstr("'b=2'")) << "one value each time";
}

// --- Command line, environment, file
// ---------------------------------------------------------------------

// A program with a flag of each kind and a command.
class ProgramFlagsTest : public testing::Test {
 protected:
  struct Ended {
    std::optional<int> exit;
    std::string out;
    std::string err;
    std::string name = "none";
    std::vector<std::string> list = {"default"};
    int number = 0;
    int other = 0;
    bool on = false;
    std::string type;
  };

  // NOLINTBEGIN(concurrency-mt-unsafe): there is one thread
  void SetUp() override { unsetenv("TAREA_CONFIG"); }
  void TearDown() override {
    for (const auto& [name, value] : environment_) unsetenv(name.c_str());
    setenv("TAREA_CONFIG", "/dev/null", 1);
  }
  void Set(const std::string& name, const std::string& value) {
    environment_[name] = value;
    setenv(name.c_str(), value.c_str(), 1);
  }
  // NOLINTEND(concurrency-mt-unsafe)
  std::string WriteFile(const std::string& text) {
    std::ofstream(file_) << text;
    return file_;
  }

  Ended Parse(std::vector<std::string> words) {
    Ended ended;
    CLI::App app("Tries it.", "prog");
    app.fallthrough();
    app.add_option("--name", ended.name, "A name")->capture_default_str();
    app.add_option("--list", ended.list, "A list")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->capture_default_str();
    app.add_flag("--on", ended.on, "A switch");
    CLI::App* command = app.add_subcommand("work", "Works");
    command->add_option("--type", ended.type, "Its type")
        ->required()
        ->check(CLI::IsMember({"red", "green"}));
    CLI::Option* number =
        command->add_option("--number", ended.number, "A number")->check(CLI::Range(0, 9));
    command->add_option("--other", ended.other, "Instead of the number")->excludes(number);
    std::ostringstream out;
    std::ostringstream err;
    ProgramFlags flags(app, out, err);
    words.insert(words.begin(), "/usr/bin/prog");
    std::vector<const char*> argv;
    for (const std::string& word : words) argv.push_back(word.c_str());
    ended.exit = flags.Parse(static_cast<int>(argv.size()), argv.data());
    ended.out = out.str();
    ended.err = err.str();
    return ended;
  }

  // The mistake that the words make.
  std::string Mistake(const std::vector<std::string>& words) {
    const Ended ended = Parse(words);
    EXPECT_EQ(ended.exit, kExitUsage);
    EXPECT_THAT(ended.err, HasSubstr("\nTry: prog"));
    EXPECT_THAT(ended.out, IsEmpty());
    return ended.err;
  }

  const TempDir dir_;
  const std::string file_ = dir_.path() + "/prog.toml";
  std::map<std::string, std::string> environment_;
};

TEST_F(ProgramFlagsTest, TheCommandLineBeatsTheEnvironmentWhichBeatsTheFileWhichBeatsTheDefault) {
  EXPECT_EQ(Parse({}).name, "none");
  const std::string file = WriteFile("name = \"file\"\nlist = [\"f\", \"g\"]\n");
  EXPECT_EQ(Parse({"--config", file}).name, "file");
  EXPECT_THAT(Parse({"--config", file}).list, ElementsAre("f", "g"));
  Set("TAREA_NAME", "environment");
  EXPECT_EQ(Parse({"--config", file}).name, "environment");
  EXPECT_THAT(Parse({"--config", file}).list, ElementsAre("f", "g"));
  EXPECT_EQ(Parse({"--config", file, "--name", "flag"}).name, "flag");
  EXPECT_THAT(Parse({"--config", file, "--list", "x,y"}).list, ElementsAre("x", "y"));
}

TEST_F(ProgramFlagsTest, AFlagOfACommandHasTheCommandInItsVariableAndATableInTheFile) {
  const std::string file = WriteFile("on = true\n[work]\ntype = \"red\"\nnumber = 3\n");
  Ended ended = Parse({"--config", file, "work"});
  EXPECT_EQ(ended.exit, std::nullopt) << ended.err;
  EXPECT_EQ(ended.type, "red");
  EXPECT_EQ(ended.number, 3);
  EXPECT_TRUE(ended.on);
  Set("TAREA_NUMBER", "4");
  EXPECT_EQ(Parse({"--config", file, "work"}).number, 3);
  Set("TAREA_WORK_NUMBER", "5");
  EXPECT_EQ(Parse({"--config", file, "work"}).number, 5);
}

TEST_F(ProgramFlagsTest, AFlagAlsoBeatsWhatItDoesNotGoWith) {
  Set("TAREA_WORK_NUMBER", "5");
  const Ended ended = Parse({"work", "--type", "red", "--other", "7"});
  EXPECT_EQ(ended.exit, std::nullopt) << ended.err;
  EXPECT_EQ(ended.number, 0);
  EXPECT_EQ(ended.other, 7);
  Set("TAREA_WORK_OTHER", "6");
  EXPECT_THAT(Mistake({"work", "--type", "red"}),
              HasSubstr("TAREA_WORK_OTHER does not go with TAREA_WORK_NUMBER"));
}

TEST_F(ProgramFlagsTest, TheFileIsTheOneNamedOrTheFirstOfTheUsualPlaces) {
  Set("XDG_CONFIG_HOME", dir_.path());
  EXPECT_EQ(Parse({}).name, "none");
  std::filesystem::create_directories(dir_.path() + "/tarea");
  std::ofstream(dir_.path() + "/tarea/prog.toml") << "name = \"usual\"\n";
  EXPECT_EQ(Parse({}).name, "usual");
  Set("TAREA_CONFIG", WriteFile("name = \"variable\"\n"));
  EXPECT_EQ(Parse({}).name, "variable");
  EXPECT_EQ(Parse({"--config", "/dev/null"}).name, "none");
  EXPECT_THAT(Mistake({"--config", "/no/file"}), HasSubstr("/no/file: No such file"));
}

TEST_F(ProgramFlagsTest, WhatIsWrongInTheFileIsToldWithFileAndLine) {
  const std::pair<std::string, std::string> mistakes[] = {
      {"\nnaem = 1\n", ":2: unknown key 'naem'; did you mean 'name'?"},
      {"[wrok]\ntype = 1\n", ":2: unknown table [wrok]; did you mean 'work'?"},
      {"[work]\ntyp = 1\n", ":2: unknown key 'typ' in [work]; did you mean 'type'?"},
      {"type = 'red'\n", ":1: unknown key 'type'; it belongs in a table, for instance [work]"},
      {"[work]\nname = 'x'\n", ":2: unknown key 'name' in [work]; it belongs above the first"},
      {"[work]\nnumber = 10\n", ":2: [work] number: Value 10 not in range"},
      {"[work]\ntype = 'gren'\n", "'gren' is none of red, green; did you mean 'green'?"},
      {"name = ['a', 'b']\n", ":1: 'name' takes one value"},
      {"on = 'maybe'\n", ":1: on: 'maybe' is not true or false"},
      {"on = '1x'\n", ":1: on: '1x' is not true or false"},
      {"config = 'x'\n", ":1: unknown key 'config'; it goes on the command line only"},
      {"help = true\n", ":1: unknown key 'help'; it goes on the command line only"},
      {"print-config = true\n", "it goes on the command line only"},
  };
  for (const auto& [text, complaint] : mistakes) {
    EXPECT_THAT(Mistake({"--config", WriteFile(text)}),
                AllOf(HasSubstr(file_), HasSubstr(complaint)));
  }
}

TEST_F(ProgramFlagsTest, WhatIsWrongInTheEnvironmentIsToldWithTheVariable) {
  for (const char* text : {"0rue", "-1e", "1 1", "00x"}) {
    Set("TAREA_ON", text);
    EXPECT_THAT(Mistake({}), HasSubstr(absl::StrCat("'", text, "' is not true or false")));
    EXPECT_THAT(Mistake({absl::StrCat("--on=", text)}), HasSubstr("' is not true or false"));
  }
  Set("TAREA_ON", "maybe");
  EXPECT_THAT(Mistake({}), HasSubstr("TAREA_ON: 'maybe' is not true or false"));
  EXPECT_EQ(Parse({"--on"}).exit, std::nullopt);
  EXPECT_EQ(Parse({"--help"}).exit, kExitOk);
  Set("TAREA_ON", "true");
  EXPECT_TRUE(Parse({}).on);
  Set("TAREA_LIST", ",");
  EXPECT_THAT(Mistake({}), HasSubstr("TAREA_LIST: ',' has no value in it"));
}

TEST_F(ProgramFlagsTest, AVariableThatLooksMisspeltIsToldAndNothingElse) {
  Set("TAREA_WORK_NUMEBR", "5");
  const Ended ended = Parse({});
  EXPECT_EQ(ended.exit, std::nullopt);
  EXPECT_EQ(ended.err,
            "prog: TAREA_WORK_NUMEBR is no variable of prog; did you mean TAREA_WORK_NUMBER?\n");
  Set("TAREA_WORK_NUMEBR", "");
  Set("TAREA_HOME", "/");
  Set("TAREA_WORK", "1");
  Set("TARE_NAME", "x");
  EXPECT_EQ(Parse({}).err, "");
  Set("TAREA_NAM", "x");
  EXPECT_THAT(Parse({}).err, HasSubstr("did you mean TAREA_NAME?"));
}

TEST_F(ProgramFlagsTest, WhatIsWrongOnTheCommandLineIsToldWithWhatWasMeant) {
  EXPECT_THAT(Mistake({"--nmae", "x"}), HasSubstr("unknown flag '--nmae'; did you mean '--name'?"));
  EXPECT_THAT(Mistake({"wokr"}), HasSubstr("unknown command 'wokr'; did you mean 'work'?"));
  EXPECT_THAT(Mistake({"dance"}), HasSubstr("unknown command 'dance'; the commands are work"));
  EXPECT_THAT(Mistake({"work", "--type", "rod"}),
              HasSubstr("--type: 'rod' is none of red, green;"));
  EXPECT_THAT(Mistake({"work"}), HasSubstr("prog: --type is required\nTry: prog work --help"));
  EXPECT_THAT(Mistake({"--name"}), HasSubstr("--name needs a value"));
  EXPECT_THAT(Mistake({"--name", "a", "--name", "b"}), HasSubstr("--name: is given 2 values"));
  EXPECT_THAT(Mistake({"work", "--type", "red", "--number", "1", "--other", "1"}),
              HasSubstr("does not go with"));
  EXPECT_THAT(Mistake({"work", "--type", "red", "more"}), HasSubstr("unexpected argument 'more'"));
  EXPECT_THAT(Mistake({"--\x1b[2J"}), Not(HasSubstr("\x1b")));
}

TEST_F(ProgramFlagsTest, AListWithNothingInItDoesNotTakeTheCommandForItsValue) {
  EXPECT_THAT(Mistake({"--list", ",", "work"}), HasSubstr("--list: ',' has no value in it"));
  EXPECT_THAT(Mistake({"--list=,,", "work"}), HasSubstr("--list: ',,' has no value in it"));
}

TEST_F(ProgramFlagsTest, WhatIsInForceIsPrintedWithItsSourceAndCanBeFedBack) {
  Set("TAREA_NAME", "a \"b\"");
  const Ended printed = Parse(
      {"--config", WriteFile("[work]\nnumber = 3\n"), "--list", "x,y", "--print-config", "work"});
  EXPECT_EQ(printed.exit, kExitOk);
  EXPECT_THAT(printed.out, HasSubstr("\nname = \"a \\\"b\\\"\"  # TAREA_NAME\n"));
  EXPECT_THAT(printed.out, HasSubstr("\nlist = [\"x\", \"y\"]  # flag\n"));
  EXPECT_THAT(printed.out, HasSubstr("\n# on = false  # default\n"));
  EXPECT_THAT(printed.out, HasSubstr("[work]\n# type = \"\"  # not set\nnumber = 3  # " + file_));
  EXPECT_THAT(printed.out, Not(HasSubstr("print-config")));

  unsetenv("TAREA_NAME");  // NOLINT(concurrency-mt-unsafe)
  const Ended back = Parse({"--config", WriteFile(printed.out), "work", "--type", "red"});
  EXPECT_EQ(back.exit, std::nullopt) << back.err;
  EXPECT_EQ(back.name, "a \"b\"");
  EXPECT_THAT(back.list, ElementsAre("x", "y"));
  EXPECT_EQ(back.number, 3);
}

}  // namespace
}  // namespace tarea
