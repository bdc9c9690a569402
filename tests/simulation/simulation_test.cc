// What docs/reliability.md promises, in worlds that fail in every way.
//
//   TAREA_TEST_SEED=N   the first seed; by default another one in each run, which is printed

#include <gtest/gtest.h>
#include <spdlog/spdlog.h>

#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/simulation/world.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using Faults = WorldOptions::Faults;
using Kind = SimulatedMaster::Kind;

// Under a sanitizer all takes longer; what that looks for needs no thousands of worlds.
#ifdef __SANITIZE_ADDRESS__
constexpr int kFewerSeeds = 10;
#elif defined(__has_feature)
constexpr int kFewerSeeds = __has_feature(address_sanitizer) ? 10 : 1;
#else
constexpr int kFewerSeeds = 1;
#endif

uint64_t FirstSeed() {
  const char* const text = std::getenv("TAREA_TEST_SEED");  // NOLINT(concurrency-mt-unsafe)
  uint64_t seed = std::random_device()() >> 1;
  if (text != nullptr && !absl::SimpleAtoi(text, &seed)) {
    ADD_FAILURE() << "TAREA_TEST_SEED='" << text << "' is not a number";
  }
  return seed;
}

class Simulation : public testing::Test {
 protected:
  Simulation() {
    spdlog::set_level(spdlog::level::off);
    options_.data_dir = dir_.path();
    std::cout << "TAREA_TEST_SEED=" << first_seed_ << std::endl;
  }

  WorldReport Run(uint64_t seed) {
    options_.seed = seed;
    return World(options_).Run();
  }

  // Stops at the first world in which a promise is broken.
  void RunSeeds(int seeds) {
    for (uint64_t seed = first_seed_; seed < first_seed_ + static_cast<uint64_t>(seeds); ++seed) {
      const WorldReport report = Run(seed);
      events_ += report.events;
      for (const auto& [what, times] : report.counts) counts_[what] += times;
      ASSERT_TRUE(report.violations.empty()) << "TAREA_TEST_SEED=" << seed << "\n"
                                             << absl::StrJoin(report.violations, "\n");
    }
    std::cout << events_ << " events\n"
              << absl::StrJoin(counts_, "\n", absl::PairFormatter(": ")) << "\n";
  }

  void ExpectToHaveSeen(std::initializer_list<std::string> interesting) {
    if (kFewerSeeds > 1) return;  // of what is rare there may be none
    for (const std::string& what : interesting) EXPECT_GT(counts_[what], 0) << what;
  }

  const TempDir dir_;
  uint64_t first_seed_ = FirstSeed();
  WorldOptions options_;
  int64_t events_ = 0;
  std::map<std::string, int64_t> counts_;
};

// A quarter of the seeds each, so that they run side by side.
class Quarter : public Simulation, public testing::WithParamInterface<int> {
 protected:
  // A seed that the others are far from, also if it was given.
  Quarter() { first_seed_ += static_cast<uint64_t>(GetParam()) * 1'000'000; }
};
INSTANTIATE_TEST_SUITE_P(Seeds, Quarter, testing::Range(0, 4));

TEST_P(Quarter, ThroughAllFaultsTheDispatcherKeepsItsPromises) {
  RunSeeds(200 / kFewerSeeds);
  ExpectToHaveSeen({"fault: kill master", "fault: kill worker", "fault: kill client",
                    "fault: stop master", "fault: stop worker", "fault: disk full",
                    "fault: commit fails", "fault: partition", "fault: half open",
                    "fault: bad weather", "refused for want of space", "re-leases", "stale results",
                    "submission repeated", "unknown outcomes", "worker drained", "told of a cancel",
                    "tasks FAILED", "tasks CANCELLED"});
}

TEST_P(Quarter, ThroughAllFaultsOfItsDiskTheStoreKeepsItsPromises) {
  options_.store = Kind::kSqlite;
  RunSeeds(80 / kFewerSeeds);
  ExpectToHaveSeen({"fault: power loss", "fault: disk fails", "fault: disk full",
                    "fault: start fails", "fault: kill master", "refused for want of space",
                    "unknown outcomes"});
}

TEST_P(Quarter, NothingThatWasAcknowledgedIsLostWithThePower) {
  options_.store = Kind::kSqlite;
  options_.faults = Faults::kPower;
  while (counts_["fault: power loss"] < 300 / kFewerSeeds) {
    ASSERT_NO_FATAL_FAILURE(RunSeeds(2));
    first_seed_ += 2;
  }
}

TEST_F(Simulation, OneSeedMakesOneTrace) {
  for (const Kind kind : {Kind::kMemory, Kind::kSqlite}) {
    options_.store = kind;
    for (uint64_t seed = first_seed_; seed < first_seed_ + 5; ++seed) {
      const WorldReport once = Run(seed);
      const WorldReport twice = Run(seed);
      EXPECT_EQ(once.trace_hash, twice.trace_hash) << "TAREA_TEST_SEED=" << seed;
      EXPECT_EQ(once.events, twice.events);
    }
  }
}

TEST_F(Simulation, AnotherSeedMakesAnotherTrace) {
  EXPECT_NE(Run(first_seed_).trace_hash, Run(first_seed_ + 1).trace_hash);
}

TEST_F(Simulation, WhereNoDiskFailsEachStoreMakesTheSameTrace) {
  options_.faults = Faults::kOutside;
  for (uint64_t seed = first_seed_; seed < first_seed_ + 40 / kFewerSeeds; ++seed) {
    options_.store = Kind::kMemory;
    const WorldReport memory = Run(seed);
    options_.store = Kind::kSqlite;
    const WorldReport sqlite = Run(seed);
    ASSERT_EQ(memory.trace_hash, sqlite.trace_hash) << "TAREA_TEST_SEED=" << seed;
    ASSERT_EQ(memory.events, sqlite.events);
  }
}

// Keeps the test above honest, and shows what `--durability os` means.
TEST_F(Simulation, WithoutFsyncALossOfPowerTakesWhatWasAcknowledged) {
  options_.store = Kind::kSqlite;
  options_.faults = Faults::kPower;
  options_.durability = Durability::kOs;
  for (uint64_t seed = first_seed_; seed < first_seed_ + 20; ++seed) {
    if (!Run(seed).violations.empty()) return;
  }
  FAIL() << "nothing was lost in twenty worlds";
}

}  // namespace
}  // namespace tarea
