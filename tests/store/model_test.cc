// Runs the same long random sequence of verbs on two stores and compares all that they say: every
// answer, every effect, and again and again everything that can be read.
//
// TAREA_TEST_SEED repeats a run, TAREA_TEST_STEPS makes it longer or shorter.

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <map>
#include <random>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tests/store/model_twins.h"
#include "tests/store/store_under_test.h"
#include "tests/support/number_source.h"

namespace tarea {
namespace {

// What has to happen in a run that is worth something.
const char* const kInteresting[] = {
    "insert",
    "insert repeated",
    "insert refused: NOT_FOUND",
    "insert refused: FAILED_PRECONDITION",
    "insert refused: INVALID_ARGUMENT",
    "insert refused: ALREADY_EXISTS",
    "insert refused: RESOURCE_EXHAUSTED",
    "key taken",
    "claim",
    "claim of a second attempt",
    "claim without tasks",
    "result recorded",
    "result stale",
    "result unknown",
    "result sent again and recorded",
    "result accepted after its lease ran out",
    "renewal of a cancelled task",
    "renewal of a lost lease",
    "lease ran out",
    "task promoted",
    "task not started in time",
    "dependent settled",
    "advance stopped at its limit",
    "cancelled at once",
    "cancel of a running task",
    "cancel of a finished task",
    "cancel refused: NOT_FOUND",
    "cancel in bites",
    "retried",
    "retry skipped",
    "retry in bites",
    "retried task waits for a parent",
    "cancelled because of a parent",
    "worker's cancel recorded",
    "purged",
    "purge stopped at its limit",
    "resume of a queue with ready tasks",
    "transaction dropped",
    "restart",
    "page cut",
};

int64_t FromEnvironment(const char* name, int64_t otherwise) {
  const char* const text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  int64_t value = otherwise;
  if (text != nullptr && !absl::SimpleAtoi(text, &value)) {
    ADD_FAILURE() << name << "='" << text << "' is not a number";
  }
  return value;
}

// Seeds of 31 bits are easy to copy.
uint64_t Seed() {
  return static_cast<uint64_t>(
      FromEnvironment("TAREA_TEST_SEED", static_cast<int64_t>(std::random_device()() >> 1)));
}

void RunTwins(const StoreKind& left, const StoreKind& right, int steps) {
  const uint64_t seed = Seed();
  steps = static_cast<int>(FromEnvironment("TAREA_TEST_STEPS", steps));
  std::cout << "TAREA_TEST_SEED=" << seed << " TAREA_TEST_STEPS=" << steps << std::endl;
  SCOPED_TRACE(absl::StrCat("TAREA_TEST_SEED=", seed, " TAREA_TEST_STEPS=", steps));
  SeededNumbers numbers(seed);
  Twins twins(left, right, numbers);
  twins.Run(steps);
  ASSERT_EQ(twins.difference(), "");
  std::map<std::string, int64_t> counts = twins.counts();
  for (const char* const name : kInteresting) EXPECT_GT(counts[name], 0) << name;
  std::cout << "what happened:\n" << absl::StrJoin(counts, "\n", absl::PairFormatter(": ")) << "\n";
}

TEST(Model, TheSqliteStoreDoesWhatTheModelDoes) { RunTwins(MemoryKind(), SqliteKind(), 5000); }

// Keeps the test honest: one store run twice gives one trace, or a seed would repeat nothing.
TEST(Model, TheModelDoesWhatTheModelDoes) { RunTwins(MemoryKind(), MemoryKind(), 5000); }

}  // namespace
}  // namespace tarea
