#include "client/commands/top_frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/convert.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

const absl::Time kNow = absl::FromUnixSeconds(1'790'000'000);

TopSnapshot Snapshot(int64_t succeeded, absl::Time taken) {
  TopSnapshot snapshot;
  snapshot.taken = taken;
  *snapshot.stats.mutable_started_at() = ToProto(kNow - absl::Hours(3));
  snapshot.stats.mutable_counts()->set_ready(80);
  snapshot.stats.mutable_counts()->set_running(20);
  snapshot.stats.mutable_counts()->set_succeeded(succeeded);
  v1::Queue* queue = snapshot.queues.add_queues();
  queue->set_name("idle");
  queue = snapshot.queues.add_queues();
  queue->set_name("busy");
  queue->mutable_counts()->set_ready(80);
  queue->mutable_counts()->set_succeeded(succeeded);
  v1::Worker* worker = snapshot.workers.add_workers();
  worker->mutable_info()->set_name("w1");
  worker->mutable_info()->set_slots(4);
  (*worker->mutable_info()->mutable_labels())["zone"] = "north";
  worker->set_held(3);
  worker->set_draining(true);
  v1::Batch& batch = snapshot.batches.emplace_back();
  batch.set_id(7);
  batch.set_name("nightly");
  batch.set_total(200);
  batch.mutable_counts()->set_succeeded(50);
  *batch.mutable_created_at() = ToProto(kNow - absl::Minutes(5));
  return snapshot;
}

TopView View(int columns, int rows) {
  return {.look = {.columns = columns},
          .rows = rows,
          .master = "127.0.0.1:50051",
          .trouble = "",
          .hint = "q leaves",
          .now = kNow};
}

TEST(TopFrame, ShowsTotalsQueuesWorkersAndBatches) {
  const TopSnapshot snapshot = Snapshot(0, kNow);
  const std::vector<std::string> lines = TopFrame(&snapshot, nullptr, View(0, 0));
  EXPECT_THAT(lines[0], StartsWith("master    127.0.0.1:50051, up 3h, "));
  EXPECT_EQ(lines[1], "tasks     80 ready, 20 running");
  EXPECT_EQ(lines[2], "rate      -");
  EXPECT_THAT(lines, Contains(StartsWith("busy   active")));
  EXPECT_THAT(lines, Contains(StartsWith("w1      draining      3      4")));
  EXPECT_THAT(lines,
              Contains(AllOf(StartsWith("    7  nightly  running  5m ago"), HasSubstr("25%"))));
  EXPECT_THAT(lines, Contains(HasSubstr("zone=north")));
  EXPECT_EQ(lines.back(), "q leaves");
}

TEST(TopFrame, TellsRatesByWhatHasChanged) {
  const TopSnapshot before = Snapshot(100, kNow - absl::Seconds(2));
  const TopSnapshot now = Snapshot(120, kNow);
  const std::vector<std::string> lines = TopFrame(&now, &before, View(0, 0));
  EXPECT_EQ(lines[2],
            "rate      10.0 succeeded/s, 0.0 failed/s; ready and running ones done in 10s");
  EXPECT_THAT(lines, Contains(AllOf(StartsWith("busy "), HasSubstr("  10.0  "))));
}

TEST(TopFrame, WhatRetentionRemovesIsNoNegativeRate) {
  const TopSnapshot before = Snapshot(100, kNow - absl::Seconds(2));
  const TopSnapshot now = Snapshot(20, kNow);
  EXPECT_EQ(TopFrame(&now, &before, View(0, 0))[2], "rate      0.0 succeeded/s, 0.0 failed/s");
}

TEST(TopFrame, QueuesWithWorkComeFirst) {
  const TopSnapshot snapshot = Snapshot(0, kNow);
  const std::vector<std::string> lines = TopFrame(&snapshot, nullptr, View(40, 10));
  EXPECT_THAT(lines, Contains(StartsWith("QUEUE 1/2")));
  EXPECT_THAT(lines, Contains(StartsWith("busy")));
  EXPECT_THAT(lines, Not(Contains(StartsWith("idle"))));
}

TEST(TopFrame, FitsAnySize) {
  TopSnapshot snapshot = Snapshot(0, kNow);
  for (int i = 0; i < 100; ++i) {
    snapshot.queues.add_queues()->set_name(absl::StrCat("\u4e2d\u6587", std::string(i, 'q')));
    snapshot.workers.add_workers()->mutable_info()->set_name(std::string(i, 'w'));
    snapshot.batches.push_back(snapshot.batches[0]);
  }
  for (int columns = 1; columns <= 200; columns += columns < 50 ? 1 : 37) {
    for (const int rows : {1, 2, 3, 5, 10, 24, 60, 500}) {
      const std::vector<std::string> lines = TopFrame(&snapshot, nullptr, View(columns, rows));
      EXPECT_LE(lines.size(), rows);
      for (const std::string& line : lines) {
        EXPECT_LE(DisplayWidth(line), columns) << columns << "x" << rows << ": " << line;
      }
      if (rows >= 10 && columns >= 40) {
        for (const char* heading : {"QUEUE", "WORKER", "BATCH"}) {
          EXPECT_THAT(lines, Contains(HasSubstr(heading))) << columns << "x" << rows;
        }
      }
    }
  }
}

TEST(TopFrame, TroubleTakesTheLastLineAndWhatWasKnownStays) {
  const TopSnapshot snapshot = Snapshot(0, kNow);
  TopView view = View(60, 12);
  view.trouble = "cannot reach the master";
  const std::vector<std::string> lines = TopFrame(&snapshot, nullptr, view);
  EXPECT_EQ(lines.back(), "cannot reach the master");
  EXPECT_EQ(lines[1], "tasks     80 ready, 20 running");
  EXPECT_THAT(TopFrame(nullptr, nullptr, view),
              ElementsAre("master    127.0.0.1:50051", "cannot reach the master"));
}

TEST(TopFrame, WithoutAnythingItSaysHowToBegin) {
  TopSnapshot snapshot;
  snapshot.taken = kNow;
  const std::vector<std::string> lines = TopFrame(&snapshot, nullptr, View(0, 0));
  EXPECT_THAT(lines, Contains("no queues yet"));
  EXPECT_THAT(lines, Contains("no workers; to start one: worker --master 127.0.0.1:50051"));
  EXPECT_THAT(lines, Contains("no batches yet"));
}

TEST(TopFrame, WhatOthersWroteIsInert) {
  TopSnapshot snapshot = Snapshot(0, kNow);
  snapshot.queues.mutable_queues(0)->set_name("\x1b[2J\n");
  snapshot.workers.mutable_workers(0)->mutable_info()->set_host("\x1b[2J\n");
  snapshot.batches[0].set_name("\x1b[2J\u202e\n");
  for (const std::string& line : TopFrame(&snapshot, nullptr, View(0, 0))) {
    EXPECT_THAT(line,
                AllOf(Not(HasSubstr("\x1b")), Not(HasSubstr("\n")), Not(HasSubstr("\u202e"))));
  }
}

TEST(ShareRows, GivesAllOrEqualShares) {
  EXPECT_THAT(ShareRows({1, 2, 3}, 100), ElementsAre(1, 2, 3));
  EXPECT_THAT(ShareRows({1, 9, 9}, 7), ElementsAre(1, 3, 3));
  EXPECT_THAT(ShareRows({9, 9, 9}, 0), ElementsAre(0, 0, 0));
  EXPECT_THAT(ShareRows({}, 5), IsEmpty());
}

}  // namespace
}  // namespace tarea
