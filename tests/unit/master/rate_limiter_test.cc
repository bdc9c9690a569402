#include "master/security/rate_limiter.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

TEST(RateLimiter, GivesWhatABucketHoldsAndThenAsMuchAsItFills) {
  RateLimiter limiter(/*per_second=*/2, /*burst=*/10);
  EXPECT_EQ(limiter.Take("a", 7, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 3, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 4, kNow), absl::Seconds(2));
  EXPECT_EQ(limiter.Take("a", 4, kNow + absl::Seconds(1)), absl::Seconds(1));
  EXPECT_EQ(limiter.Take("a", 4, kNow + absl::Seconds(2)), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 1, kNow + absl::Seconds(2)), absl::Milliseconds(500));
}

TEST(RateLimiter, EachHasABucketOfItsOwn) {
  RateLimiter limiter(1, 1);
  EXPECT_EQ(limiter.Take("a", 1, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("b", 1, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 1, kNow), absl::Seconds(1));
}

TEST(RateLimiter, ABucketHoldsNoMoreThanItsBurst) {
  RateLimiter limiter(1, 2);
  EXPECT_EQ(limiter.Take("a", 2, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 2, kNow + absl::Hours(1)), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 1, kNow + absl::Hours(1)), absl::Seconds(1));
}

// Else it would never come to it.
TEST(RateLimiter, MoreThanTheBurstIsTakenFromAFullBucketAndOwed) {
  RateLimiter limiter(1, 10);
  EXPECT_EQ(limiter.Take("a", 25, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 1, kNow), absl::Seconds(16));
}

TEST(RateLimiter, TimeThatGoesBackFillsNothing) {
  RateLimiter limiter(1, 1);
  EXPECT_EQ(limiter.Take("a", 1, kNow), absl::ZeroDuration());
  EXPECT_EQ(limiter.Take("a", 1, kNow - absl::Hours(1)), absl::Seconds(1));
}

TEST(RateLimiter, WhoIsForgottenHadAFullBucket) {
  RateLimiter limiter(1, 10);
  EXPECT_EQ(limiter.Take("a", 10, kNow), absl::ZeroDuration());
  for (int i = 0; i < 5000; ++i) {
    const absl::Time now = kNow + absl::Milliseconds(i);
    EXPECT_EQ(limiter.Take(absl::StrCat("stranger ", i), 1, now), absl::ZeroDuration());
  }
  EXPECT_EQ(limiter.Take("a", 10, kNow + absl::Seconds(5)), absl::Seconds(5));
}

}  // namespace
}  // namespace tarea
