#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/time/clock.h"
#include "common/clock.h"
#include "common/convert.h"
#include "common/ids.h"
#include "common/logging.h"
#include "common/status_grpc.h"
#include "proto/tasks.pb.h"

namespace tarea {
namespace {

TEST(MonotonicClock, NeverBeginsBeforeATimeThatHasBeenUsed) {
  // The wall clock was set back by an hour between two runs.
  const absl::Time used = absl::FromUnixMicros(absl::ToUnixMicros(absl::Now())) + absl::Hours(1);
  MonotonicClock clock(used);
  EXPECT_GE(clock.Now(), used);
}

TEST(MonotonicClock, NeverGoesBackAndCountsWholeMicroseconds) {
  MonotonicClock clock;
  absl::Time last = clock.Now();
  for (int i = 0; i < 10'000; ++i) {
    const absl::Time now = clock.Now();
    EXPECT_GE(now, last);
    EXPECT_EQ(now, absl::FromUnixMicros(absl::ToUnixMicros(now)));
    last = now;
  }
}

TEST(ParseDuration, TakesWhatPeopleWrite) {
  EXPECT_EQ(*ParseDuration("500ms"), absl::Milliseconds(500));
  EXPECT_EQ(*ParseDuration("1m30s"), absl::Seconds(90));
  EXPECT_EQ(*ParseDuration("7d"), absl::Hours(168));
  EXPECT_EQ(*ParseDuration("0"), absl::ZeroDuration());
  EXPECT_EQ(*ParseDuration("-5s"), absl::Seconds(-5));
  for (const char* bad : {"", "5", "s", "5 s", "d", "5x", "1d2h", "nand", "infd", "0x1p3d", " 5d",
                          "1e3d", "inf", "-inf", "9999999999999999999h", "9999999999999999999d"}) {
    EXPECT_EQ(ParseDuration(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ParseBytes, TakesWhatPeopleWrite) {
  EXPECT_EQ(*ParseBytes("0"), 0);
  EXPECT_EQ(*ParseBytes("4096"), 4096);
  EXPECT_EQ(*ParseBytes("64k"), 64 << 10);
  EXPECT_EQ(*ParseBytes("512M"), 512 << 20);
  EXPECT_EQ(*ParseBytes("2G"), int64_t{2} << 30);
  EXPECT_EQ(*ParseBytes("8388607T"), int64_t{8388607} << 40);
  for (const char* bad : {"", "M", "-1", "1.5G", "5X", "5 M", "8388608T", "99999999999999999999"}) {
    EXPECT_EQ(ParseBytes(bad).status().code(), absl::StatusCode::kInvalidArgument) << bad;
  }
}

TEST(ParseBytes, WhatIsWrongIsShownHarmlessly) {
  EXPECT_THAT(std::string(ParseBytes("5\x1b[31m").status().message()),
              testing::HasSubstr("'5\\x1b[31m' is not a size"));
  EXPECT_THAT(std::string(ParseDuration("\xff").status().message()),
              testing::HasSubstr("'\\xff' is not a duration"));
}

TEST(Convert, TimesAndDurationsSurviveTheWayThroughProtobuf) {
  for (const absl::Duration d :
       {absl::ZeroDuration(), absl::Microseconds(-1500001), absl::Hours(24 * 365)}) {
    EXPECT_EQ(FromProto(ToProto(d)), d);
  }
  for (const int64_t micros : {int64_t{-1}, int64_t{0}, int64_t{1'790'000'000'123'456}}) {
    EXPECT_EQ(FromProto(ToProto(absl::FromUnixMicros(micros))), absl::FromUnixMicros(micros));
  }
  EXPECT_EQ(ToProto(absl::InfiniteFuture()).seconds(), 253'402'300'799);
}

TEST(CheckUtf8, NamesTheFieldWhereverItIs) {
  v1::SubmitTasksRequest request;
  request.set_batch_name("größer");
  v1::TaskSpec* task = request.add_tasks();
  task->set_payload("\xff");  // bytes may be anything
  (*task->mutable_labels())["name"] = "good";
  EXPECT_TRUE(CheckUtf8(request).ok());
  (*task->mutable_labels())["name"] = "bad\xff";
  EXPECT_EQ(CheckUtf8(request).message(), "value is 'bad\\xff', which is not UTF-8");
  task->clear_labels();
  task->set_key("\xc3");
  EXPECT_EQ(CheckUtf8(request).message(), "key is '\\xc3', which is not UTF-8");
}

TEST(Printable, MakesAnythingSafeToShow) {
  EXPECT_EQ(Printable("plain \u00fc \u4e2d"), "plain \u00fc \u4e2d");
  EXPECT_EQ(Printable("\x1b[31mred"), "\\x1b[31mred");
  EXPECT_EQ(Printable(absl::string_view("a\0b\r\n", 5)), "a\\x00b\\x0d\\n");
  EXPECT_EQ(Printable("\u202eevil"), "\\u202eevil");         // right-to-left override
  EXPECT_EQ(Printable("\xc0\x80\xff"), "\\xc0\\x80\\xff");   // not UTF-8
  EXPECT_EQ(Printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");   // a surrogate
  EXPECT_EQ(Printable("\u009b2J"), "\\x9b2J");               // what is ESC [ in one character
  EXPECT_EQ(Printable("a\u200bb\u00ad"), "a\\u200bb\\xad");  // takes no room
  EXPECT_EQ(Printable("\U000e0041"), "\\U000e0041");         // the same, of the tags
  EXPECT_EQ(Printable("e\u0301 \u2764\ufe0f"), "e\u0301 \u2764\ufe0f");
  EXPECT_EQ(Printable(std::string(300, 'x'), 10), "xxxxxxxxxx...");
}

TEST(RandomId, IsNeverTheSame) {
  EXPECT_EQ(RandomId().size(), 32);
  EXPECT_NE(RandomId(), RandomId());
}

TEST(StatusGrpc, GoesBothWaysUnchanged) {
  for (int code = 1; code <= 16; ++code) {
    const absl::Status status(static_cast<absl::StatusCode>(code), "why");
    EXPECT_EQ(FromGrpc(ToGrpc(status)), status);
  }
  EXPECT_TRUE(FromGrpc(ToGrpc(absl::OkStatus())).ok());
}

TEST(Status, ACallThatGrpcDroppedForWantOfMemoryMayBeRepeated) {
  const absl::Status dropped =
      FromGrpc({grpc::StatusCode::RESOURCE_EXHAUSTED, "Received RST_STREAM with error code 11"});
  EXPECT_TRUE(IsTransient(dropped)) << dropped;
  EXPECT_FALSE(IsTransient(FromGrpc({grpc::StatusCode::RESOURCE_EXHAUSTED, "too many workers"})));
}

TEST(InitLogging, NamesALevelOrFormatThatDoesNotExist) {
  LogOptions options;
  options.level = "loud";
  EXPECT_THAT(std::string(InitLogging("t", options).message()), testing::HasSubstr("'loud'"));
}

}  // namespace
}  // namespace tarea
