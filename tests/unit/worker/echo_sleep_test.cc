#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "tests/unit/worker/fake_context.h"
#include "worker/handlers/echo.h"
#include "worker/handlers/sleep.h"

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
  EXPECT_THAT(context.progress(), testing::ElementsAre(0, testing::DoubleNear(1 / 1.01, 1e-9)));
  EXPECT_EQ(*Sleep(TaskWith("0"), context), "slept 0");
}

TEST(Sleep, EndsAsSoonAsItIsToStop) {
  FakeContext context;
  std::thread stopper([&] { context.Stop(StopCause::kCancelled); });
  EXPECT_EQ(Sleep(TaskWith("7d"), context).status().code(), absl::StatusCode::kCancelled);
  stopper.join();
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
