// What a worker says of the output of its tasks.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/convert.h"
#include "worker/held_task.h"
#include "worker/held_tasks.h"

namespace tarea {
namespace {

constexpr OutputStream kOut = OutputStream::kStdout;

std::string TextOf(const v1::TaskOutput& output) {
  std::string text;
  for (const v1::OutputChunk& chunk : output.chunks()) text += chunk.data();
  return text;
}

class HeldTaskOutput : public testing::Test {
 protected:
  HeldTask Make(bool follow) {
    v1::LeasedTask task;
    task.set_follow(follow);
    return {std::move(task), &clock_, true};
  }

  // What the heartbeat says of the task with this lease.
  v1::HeldTask Reported(uint64_t lease, size_t max_output = 1 << 20) {
    for (v1::HeldTask& task : held_.Report(max_output)) {
      if (task.lease_id() == lease) return task;
    }
    ADD_FAILURE() << "no task with lease " << lease;
    return {};
  }

  ManualClock clock_{absl::FromUnixSeconds(1'000'000)};
  Prefetch prefetch_{4, 0};
  HeldTasks held_{4, &clock_, &prefetch_};
};

TEST_F(HeldTaskOutput, IsNotReportedWhileNobodyFollows) {
  HeldTask held = Make(/*follow=*/false);
  held.AppendOutput(kOut, "hello");
  EXPECT_FALSE(held.NewOutput(100).has_value());
  EXPECT_FALSE(held.MakeResult("done").has_output());
}

TEST_F(HeldTaskOutput, IsWhatTheMasterDoesNotHaveYet) {
  HeldTask held = Make(/*follow=*/false);
  held.AppendOutput(kOut, "hello");
  OutputOffsets from;
  from[kOut] = 2;
  held.Follow(from);
  EXPECT_EQ(TextOf(ToProto(*held.NewOutput(100))), "llo");
  EXPECT_EQ(TextOf(ToProto(*held.NewOutput(100))), "llo") << "until the master says that it has it";
  EXPECT_EQ(TextOf(ToProto(*held.NewOutput(1))), "l");
  EXPECT_EQ(held.NewOutput(0)->sizes[kOut], 5);
  held.Follow(std::nullopt);
  EXPECT_FALSE(held.NewOutput(100).has_value());
}

TEST_F(HeldTaskOutput, TheRestGoesWithTheResultHoweverTheTaskEnds) {
  for (const absl::StatusOr<std::string>& returned :
       {absl::StatusOr<std::string>("done"),
        absl::StatusOr<std::string>(absl::DataLossError("x"))}) {
    HeldTask held = Make(/*follow=*/true);
    held.AppendOutput(kOut, "hello");
    EXPECT_EQ(TextOf(held.MakeResult(returned).output()), "hello");
  }
  HeldTask released = Make(/*follow=*/true);
  released.AppendOutput(kOut, "half");
  released.Stop(StopCause::kDraining);
  EXPECT_EQ(TextOf(released.MakeResult(absl::CancelledError("")).output()), "half");
}

TEST_F(HeldTaskOutput, AHeartbeatSharesItsBytesAmongTheFollowedTasks) {
  v1::RequestTaskResponse response;
  for (uint64_t lease = 1; lease <= 4; ++lease) {
    v1::LeasedTask* task = response.add_tasks();
    task->set_lease_id(lease);
    task->set_follow(lease <= 2);
  }
  held_.Add(4, response);
  for (int i = 0; i < 4; ++i) held_.Next()->AppendOutput(kOut, std::string(1000, 'x'));
  EXPECT_EQ(TextOf(Reported(1, 1000).output()).size(), 500);
  EXPECT_EQ(TextOf(Reported(2, 1000).output()).size(), 500);
  EXPECT_FALSE(Reported(3).has_output());
  EXPECT_EQ(TextOf(Reported(1, 0).output()), "");
  EXPECT_EQ(Reported(1, 0).output().stdout_size(), 1000);
}

TEST_F(HeldTaskOutput, AnAnswerChangesOnlyWhatTheCallHadNamed) {
  v1::RequestTaskResponse response;
  for (uint64_t lease = 1; lease <= 3; ++lease) {
    v1::LeasedTask* task = response.add_tasks();
    task->set_lease_id(lease);
    task->set_follow(lease != 2);
  }
  held_.Add(3, response);
  v1::HeartbeatRequest request;
  request.add_held()->set_lease_id(1);
  request.add_held()->set_lease_id(2);
  v1::HeartbeatResponse answer;
  answer.add_follow()->set_lease_id(2);
  held_.SetFollowed(request.held(), answer.follow());
  EXPECT_FALSE(Reported(1).has_output());
  EXPECT_TRUE(Reported(2).has_output());
  EXPECT_TRUE(Reported(3).has_output()) << "it came after the call";
}

}  // namespace
}  // namespace tarea
