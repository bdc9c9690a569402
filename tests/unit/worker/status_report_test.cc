#include "worker/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/clock.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

class StatusReportTest : public testing::Test {
 protected:
  std::shared_ptr<HeldTask> Running(int64_t id) {
    v1::LeasedTask task;
    task.set_task_id(id);
    task.set_type("resize");
    auto held = std::make_shared<HeldTask>(task, &clock_, true);
    held->Start();
    return held;
  }

  ManualClock clock_{absl::FromUnixSeconds(1'000'000)};
};

TEST_F(StatusReportTest, SaysWhatRunsWhatWaitsAndWhatWasDone) {
  StatusReport report;
  report.slots = 4;
  report.held.running = {Running(17), Running(18)};
  clock_.Advance(absl::Milliseconds(1500));
  report.held.running[0]->SetProgress(0.4, "page 2");
  report.held.running[1]->Stop(StopCause::kCancelled);
  report.held.waiting = 1;
  report.totals = {.succeeded = 3, .failed = 1, .given_back = 2};
  report.up = absl::Seconds(65);
  report.connected_to = "127.0.0.1:1";
  EXPECT_THAT(report.Lines(),
              ElementsAre("2 of 4 slots busy; 1 task fetched ahead, 0 results not yet sent; "
                          "connected to 127.0.0.1:1",
                          "in 1m5s: 3 tasks succeeded, 1 failed, 2 given back",
                          "task 17 (resize) runs for 1.5s: 40%, page 2",
                          "task 18 (resize) runs for 1.5s; was told to stop"));
}

TEST_F(StatusReportTest, SaysThatNoMasterAnswersAndWhatElseBecameOfTasks) {
  StatusReport report;
  report.slots = 1;
  report.totals = {.succeeded = 1, .cancelled = 2, .dropped = 3};
  EXPECT_THAT(
      report.Lines(),
      ElementsAre("0 of 1 slot busy; 0 tasks fetched ahead, 0 results not yet sent; no "
                  "master answers",
                  "in 0: 1 task succeeded, 0 failed, 2 cancelled, 0 given back, 3 dropped"));
}

TEST_F(StatusReportTest, ListsTwentyTasksAndCountsTheOthers) {
  StatusReport report;
  report.slots = 100;
  for (int i = 0; i < 25; ++i) report.held.running.push_back(Running(i));
  const std::vector<std::string> lines = report.Lines();
  ASSERT_THAT(lines, SizeIs(23));
  EXPECT_EQ(lines.back(), "and 5 more tasks");
}

}  // namespace
}  // namespace tarea
