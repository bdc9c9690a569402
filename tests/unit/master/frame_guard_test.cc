#include "master/frame_guard.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::IsNull;

enum : unsigned char { kData = 0, kHeaders = 1, kReset = 3, kSettings = 4, kPing = 6, kMore = 9 };

constexpr int64_t kMaxCall = 1'000'000;
const absl::Time kStart = absl::UnixEpoch();

std::string Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; }

std::string Frame(unsigned char type, size_t size, char flags = 0) {
  std::string frame;
  for (const int shift : {16, 8, 0}) frame.push_back(static_cast<char>(size >> shift & 0xFF));
  frame.push_back(static_cast<char>(type));
  frame.push_back(flags);
  return absl::StrCat(frame, std::string("\0\0\0\1", 4), std::string(size, '\xff'));
}

FrameGuard Greeted() {
  FrameGuard guard(kMaxCall);
  EXPECT_THAT(
      guard.Read(absl::StrCat(Preface(), Frame(kSettings, 0), Frame(kSettings, 0, 1)), kStart),
      IsNull());
  return guard;
}

// How many of these frames pass, one after the other, at the same time.
int CountPassing(FrameGuard& guard, const std::string& frame, absl::Time now) {
  int count = 0;
  while (count < 100'000 && guard.Read(frame, now) == nullptr) count++;
  return count;
}

TEST(FrameGuard, WhatACallerSendsPassesHoweverItIsCut) {
  const std::string bytes =
      absl::StrCat(Preface(), Frame(kSettings, 12), Frame(kSettings, 0, 1), Frame(kHeaders, 90, 4),
                   Frame(kData, 16384), Frame(kData, 5, 1), Frame(kPing, 8, 1), Frame(kReset, 4));
  for (const size_t part : {size_t{1}, size_t{2}, size_t{7}, size_t{1000}, bytes.size()}) {
    FrameGuard guard(kMaxCall);
    for (size_t i = 0; i < bytes.size(); i += part) {
      ASSERT_THAT(guard.Read(absl::string_view(bytes).substr(i, part), kStart), IsNull()) << part;
    }
  }
}

TEST(FrameGuard, WhatIsNotHttp2IsRefusedAtTheFirstWrongByte) {
  FrameGuard guard(kMaxCall);
  EXPECT_THAT(guard.Read("PRI", kStart), IsNull());
  EXPECT_THAT(guard.Read("V", kStart), HasSubstr("not HTTP/2"));
}

TEST(FrameGuard, ResetsAreLimitedAtOnceAndInTheLongRun) {
  FrameGuard guard = Greeted();
  const std::string reset = Frame(kReset, 4);
  for (int i = 0; i < 1000; ++i) ASSERT_THAT(guard.Read(reset, kStart), IsNull()) << i;
  // A second later there are a hundred more, and one that lasts a day never has more than at first.
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(guard.Read(reset, kStart + absl::Seconds(1)), IsNull()) << i;
  }
  FrameGuard patient = guard;
  EXPECT_THAT(guard.Read(reset, kStart + absl::Seconds(1)), HasSubstr("resets calls"));
  EXPECT_EQ(CountPassing(patient, reset, kStart + absl::Hours(24)), 1000);
}

TEST(FrameGuard, PingsAndSettingsAreLimitedButNotTheirAcknowledgements) {
  for (const unsigned char type : {kPing, kSettings}) {
    FrameGuard guard = Greeted();
    EXPECT_EQ(CountPassing(guard, Frame(type, 0, 1), kStart), 100'000);
    // One of the settings of the greeting counts, too.
    EXPECT_EQ(CountPassing(guard, Frame(type, 0), kStart), 299);
  }
}

TEST(FrameGuard, AHeaderIsLimitedInBytesAndInFrames) {
  FrameGuard large = Greeted();
  EXPECT_THAT(large.Read(Frame(kHeaders, 60'000), kStart), IsNull());
  EXPECT_THAT(large.Read(Frame(kMore, 6'000), kStart), HasSubstr("header without end"));
  FrameGuard many = Greeted();
  EXPECT_THAT(many.Read(Frame(kHeaders, 10), kStart), IsNull());
  EXPECT_EQ(CountPassing(many, Frame(kMore, 0), kStart), 15);
  FrameGuard next = Greeted();
  EXPECT_EQ(CountPassing(next, Frame(kHeaders, 60'000), kStart), 100'000);
}

TEST(FrameGuard, CallsAreLimitedUntilTheSettingsAreAcknowledged) {
  FrameGuard guard(kMaxCall);
  EXPECT_THAT(guard.Read(absl::StrCat(Preface(), Frame(kSettings, 0)), kStart), IsNull());
  EXPECT_EQ(CountPassing(guard, Frame(kHeaders, 10), kStart), 100);
  FrameGuard in_order = Greeted();
  EXPECT_EQ(CountPassing(in_order, Frame(kHeaders, 10), kStart), 100'000);
}

TEST(FrameGuard, ACallMayNotSendWithoutEnd) {
  FrameGuard guard = Greeted();
  EXPECT_EQ(CountPassing(guard, Frame(kData, 10'000), kStart), 100);
  FrameGuard ends = Greeted();
  EXPECT_EQ(CountPassing(ends, Frame(kData, 10'000) + Frame(kData, 10'000, 1), kStart), 100'000);
  FrameGuard resets = Greeted();
  EXPECT_EQ(CountPassing(resets, Frame(kData, 10'000) + Frame(kReset, 4), kStart), 1000);
}

}  // namespace
}  // namespace tarea
