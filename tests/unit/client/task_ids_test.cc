#include "client/task_ids.h"

#include <gtest/gtest.h>

namespace tarea {
namespace {

v1::SubmitTasksResponse Answer(int64_t first) {
  v1::SubmitTasksResponse answer;
  answer.set_batch_id(7);
  answer.set_first_task_id(first);
  return answer;
}

void AddExisting(v1::SubmitTasksResponse& answer, int32_t index, int64_t id) {
  v1::ExistingTask* task = answer.add_existing();
  task->set_index(index);
  task->set_task_id(id);
}

TEST(TaskIds, OneCallIsOneRange) {
  TaskIds ids;
  ids.Append(Answer(1), 1000);
  EXPECT_EQ(ids.size(), 1000);
  EXPECT_EQ(ids[0], 1);
  EXPECT_EQ(ids[999], 1000);
  EXPECT_EQ(ids.PositionOf(1000), 999);
  EXPECT_EQ(ids.ToString(), "1..1000");
}

TEST(TaskIds, SeveralCallsMayHaveGapsBetweenThem) {
  TaskIds ids;
  ids.Append(Answer(1), 3);
  ids.Append(Answer(10), 2);
  EXPECT_EQ(ids[2], 3);
  EXPECT_EQ(ids[3], 10);
  EXPECT_EQ(ids.PositionOf(11), 4);
  EXPECT_EQ(ids.PositionOf(5), std::nullopt);
  EXPECT_EQ(ids.PositionOf(12), std::nullopt);
  EXPECT_EQ(ids.ToString(), "1..3, 10..11");
}

TEST(TaskIds, ATaskThatWasThereIsKnownByItsOwnIdAndNotStored) {
  TaskIds ids;
  v1::SubmitTasksResponse answer = Answer(20);
  AddExisting(answer, 1, 5);
  ids.Append(answer, 3);
  EXPECT_EQ(ids[0], 20);
  EXPECT_EQ(ids[1], 5);
  EXPECT_EQ(ids[2], 22);
  EXPECT_EQ(ids.stored(), 2);
  EXPECT_EQ(ids.PositionOf(5), std::nullopt);
  EXPECT_EQ(ids.PositionOf(21), std::nullopt);
  EXPECT_EQ(ids.ToString(), "20, 22");
}

TEST(TaskIds, NothingStoredIsNone) {
  TaskIds ids;
  v1::SubmitTasksResponse answer = Answer(0);
  AddExisting(answer, 0, 5);
  ids.Append(answer, 1);
  EXPECT_EQ(ids[0], 5);
  EXPECT_EQ(ids.ToString(), "none");
}

}  // namespace
}  // namespace tarea
