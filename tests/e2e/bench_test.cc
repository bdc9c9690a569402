#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

// That what measures Tarea still works. It checks the results of its tasks itself.
namespace tarea {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(Bench, PrintsATableAndWritesItsFigures) {
  const TempDir dir;
  const std::string json = dir.path() + "/figures.json";
  Process bench(BinPath("tarea_bench"),
                {"run", "throughput", "mixed", "--tasks", "2000", "--rounds", "2", "--json", json});
  ASSERT_EQ(bench.Wait(), ProcessEnd{}) << bench.Log();

  EXPECT_THAT(bench.Output(), HasSubstr("whole, 2,000"));
  EXPECT_THAT(bench.Output(), HasSubstr("at least 0.80"));
  const auto document = nlohmann::json::parse(ReadFile(json), nullptr, /*allow_exceptions=*/false);
  ASSERT_TRUE(document.is_object());
  std::set<std::string> scenarios;
  for (const nlohmann::json& figure : document["figures"]) {
    scenarios.insert(figure["scenario"]);
    EXPECT_EQ(figure["rounds"].size(), 2u) << figure;
    EXPECT_GT(figure["median"], 0) << figure;
  }
  EXPECT_EQ(scenarios, (std::set<std::string>{"throughput", "mixed"}));
}

TEST(Bench, NamesTheScenariosThatThereAre) {
  Process bench(BinPath("tarea_bench"), {"run", "nonsense"});
  EXPECT_EQ(bench.Wait(), ProcessEnd{.code = 2});
  EXPECT_THAT(bench.Log(), HasSubstr("'nonsense' is none of throughput, mixed,"));
}

TEST(Bench, ItsHelpIsWhole) {
  Process bench(BinPath("tarea_bench"), {"run", "--help"});
  ASSERT_EQ(bench.Wait(), ProcessEnd{});
  EXPECT_THAT(bench.Output(), HasSubstr("idle-workers  two thousand"));
  EXPECT_THAT(bench.Output(), Not(HasSubstr("Options of every command")));
}

}  // namespace
}  // namespace tarea
