#include "worker/prefetch.h"

#include <gtest/gtest.h>

namespace tarea {
namespace {

TEST(Prefetch, FetchesNothingAheadBeforeItKnowsWhatTasksTake) {
  EXPECT_EQ(Prefetch(8, 1000).Wanted(), 0);
}

TEST(Prefetch, FetchesNothingAheadForLongTasks) {
  Prefetch prefetch(4, 1000);
  prefetch.Record(absl::Seconds(2));
  EXPECT_EQ(prefetch.Wanted(), 0);
}

// After many full answers.
void WarmUp(Prefetch& prefetch) {
  for (int i = 0; i < 20; ++i) prefetch.Fetched(10, 10);
}

TEST(Prefetch, FetchesWhatTheSlotsWorkOffInFiftyMilliseconds) {
  Prefetch prefetch(4, 1000);
  WarmUp(prefetch);
  prefetch.Record(absl::Milliseconds(1));
  EXPECT_EQ(prefetch.Wanted(), 200);
}

TEST(Prefetch, FetchesHundredsOfTasksOfMicrosecondsUpToTheLimit) {
  Prefetch prefetch(1, 500);
  WarmUp(prefetch);
  prefetch.Record(absl::ZeroDuration());
  EXPECT_EQ(prefetch.Wanted(), 500);
}

TEST(Prefetch, BeginsSmallAndDoublesWithEachFullAnswer) {
  Prefetch prefetch(2, 1000);
  prefetch.Record(absl::ZeroDuration());
  EXPECT_EQ(prefetch.Wanted(), 2);
  prefetch.Fetched(4, 4);
  EXPECT_EQ(prefetch.Wanted(), 4);
  prefetch.Fetched(6, 6);
  EXPECT_EQ(prefetch.Wanted(), 8);
}

TEST(Prefetch, BeginsAgainWhenTheQueueRanDry) {
  Prefetch prefetch(2, 1000);
  WarmUp(prefetch);
  prefetch.Record(absl::ZeroDuration());
  prefetch.Fetched(1000, 999);
  EXPECT_EQ(prefetch.Wanted(), 2);
}

TEST(Prefetch, StopsFetchingAheadAsSoonAsTasksBecomeLong) {
  Prefetch prefetch(1, 1000);
  WarmUp(prefetch);
  for (int i = 0; i < 1000; ++i) prefetch.Record(absl::Microseconds(10));
  EXPECT_EQ(prefetch.Wanted(), 1000);
  prefetch.Record(absl::Seconds(10));
  EXPECT_EQ(prefetch.Wanted(), 0);
}

TEST(Prefetch, AStallCountsAtOnce) {
  Prefetch prefetch(1, 1000);
  prefetch.Record(absl::Microseconds(10));
  prefetch.Stalled(absl::Seconds(1));
  EXPECT_EQ(prefetch.Wanted(), 0);
}

TEST(Prefetch, FetchesNothingAheadIfItMustNot) {
  Prefetch prefetch(4, 0);
  prefetch.Record(absl::ZeroDuration());
  EXPECT_EQ(prefetch.Wanted(), 0);
}

}  // namespace
}  // namespace tarea
