// A short run of the whole thing. TAREA_TEST_SEED repeats one, or tries another.
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <optional>
#include <string>

#include "tests/support/process.h"

namespace tarea {
namespace {

TEST(Chaos, BreaksNoPromise) {
  const char* given = std::getenv("TAREA_TEST_SEED");
  const std::string seed = given == nullptr ? "5" : given;
  std::cout << "TAREA_TEST_SEED=" << seed << std::endl;
  Process chaos(BinPath("tarea_chaos"), {"--seed", seed, "--duration", "40s", "--settle", "2m"});
  const std::optional<ProcessEnd> end = chaos.Wait(absl::Minutes(5));
  std::cout << chaos.Output() << chaos.Log() << std::endl;
  EXPECT_EQ(end, ProcessEnd{});
}

TEST(Chaos, RefusesFlagsThatMakeNoSense) {
  Process chaos(BinPath("tarea_chaos"), {"--workers", "0"});
  EXPECT_EQ(chaos.Wait(), ProcessEnd{.code = 2}) << chaos.Log();
  EXPECT_NE(chaos.Log().find("--workers"), std::string::npos) << chaos.Log();
}

}  // namespace
}  // namespace tarea
