#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "worker/handlers/echo.h"
#include "worker/handlers/sleep.h"
#include "worker/testing/fake_context.h"

namespace tarea {
namespace {

using testing::HasSubstr;

v1::LeasedTask TaskWith(const std::string& payload) {
  v1::LeasedTask task;
  task.set_payload(payload);
  return task;
}

TEST(Echo, ReturnsThePayload) {
  FakeContext context;
  EXPECT_EQ(*Echo(TaskWith(std::string("a\0b", 3)), context), std::string("a\0b", 3));
}

TEST(Sleep, SaysHowLongItSleptAndReportsProgress) {
  FakeContext context;
  EXPECT_EQ(*Sleep(TaskWith("1.01s"), context), "slept 1.01s");
  ASSERT_EQ(context.progress().size(), 2);
  EXPECT_EQ(context.progress()[0].fraction(), 0);
  EXPECT_NEAR(context.progress()[1].fraction(), 1 / 1.01, 1e-9);
  EXPECT_EQ(context.elapsed(), absl::Milliseconds(1010));
  EXPECT_EQ(*Sleep(TaskWith("0"), context), "slept 0");
}

TEST(Sleep, EndsAsSoonAsItIsToStop) {
  FakeContext context;
  context.StopAfter(absl::Hours(2), StopCause::kCancelled);
  EXPECT_EQ(Sleep(TaskWith("7d"), context).status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(context.elapsed(), absl::Hours(2));
}

TEST(Sleep, APayloadThatIsNoDurationNeverWorks) {
  FakeContext context;
  for (const char* bad : {"", "soon", "-1s", "inf", "\x1b[31m"}) {
    const absl::Status status = Sleep(TaskWith(bad), context).status();
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << bad;
    EXPECT_TRUE(IsNonRetryable(status)) << bad;
  }
  EXPECT_THAT(std::string(Sleep(TaskWith("soon"), context).status().message()),
              HasSubstr("'soon' is not a"));
  EXPECT_THAT(std::string(Sleep(TaskWith("\x1b[31m"), context).status().message()),
              HasSubstr("'\\x1b[31m'"));
}

}  // namespace
}  // namespace tarea
