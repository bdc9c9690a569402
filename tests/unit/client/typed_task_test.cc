#include "client/typed_task.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tarea {
namespace {

using testing::HasSubstr;

struct Size {
  int width = 0;
  std::string note;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Size, width, note)

v1::Task TaskIn(v1::TaskState state, const std::string& result) {
  v1::Task task;
  task.set_id(7);
  task.set_state(state);
  task.set_result(result);
  return task;
}

TEST(TypedTask, HasTheValueAsItsPayload) {
  const absl::StatusOr<v1::TaskSpec> json = TypedTask("resize", Size{3, "x"});
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ(json->type(), "resize");
  EXPECT_EQ(json->payload(), R"({"note":"x","width":3})");

  v1::ExecPayload message;
  message.add_argv("ls");
  EXPECT_EQ(TypedTask("exec", message)->payload(), message.SerializeAsString());
  EXPECT_EQ(TypedTask("echo", std::string("\xff"))->payload(), "\xff");
}

TEST(TypedTask, AValueThatCannotBeWrittenIsRefused) {
  const absl::Status status = TypedTask("resize", Size{3, "\xff"}).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the payload of a 'resize' task cannot be written: invalid UTF-8"));
}

TEST(TypedResult, IsTheResultOfATaskThatSucceeded) {
  const v1::Task task = TaskIn(v1::TASK_STATE_SUCCEEDED, R"({"note":"x","width":3})");
  EXPECT_EQ(TypedResult<Size>(task)->width, 3);
  EXPECT_EQ(*TypedResult<std::string>(task), task.result());
}

TEST(TypedResult, IsTheErrorOfATaskThatDidNot) {
  v1::Task task = TaskIn(v1::TASK_STATE_FAILED, "left behind");
  task.mutable_error()->set_code(static_cast<int>(absl::StatusCode::kDataLoss));
  task.mutable_error()->set_message("bad picture");
  EXPECT_EQ(TypedResult<Size>(task).status(), absl::DataLossError("bad picture"));
  EXPECT_FALSE(TypedResult<Size>(TaskIn(v1::TASK_STATE_CANCELLED, "")).ok());
  EXPECT_EQ(TypedResult<Size>(TaskIn(v1::TASK_STATE_RUNNING, "")).status(),
            absl::FailedPreconditionError("task 7 is not finished"));
}

TEST(TypedResult, SaysWhatIsWrongWithAResultOfAnotherType) {
  const absl::Status status = TypedResult<Size>(TaskIn(v1::TASK_STATE_SUCCEEDED, "{}")).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the result of task 7, 2 bytes, cannot be read: key 'width' not found"));
}

}  // namespace
}  // namespace tarea
