#include "worker/typed_handler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <vector>

#include "worker/testing/handler_test.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;

struct Size {
  int width = 0;
  int height = 0;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Size, width, height)

struct Area {
  int64_t pixels = 0;
  std::string note;
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(Area, pixels, note)

// Throws what no library would.
struct Picky {};
void from_json(const nlohmann::json& json, Picky&) {
  if (json.is_string()) throw std::invalid_argument("no strings, please");
  if (json.is_number()) throw 42;
}

absl::StatusOr<Area> AreaOf(const Size& size, TaskContext&) {
  if (size.width < 0) return absl::OutOfRangeError("width is negative");
  return Area{int64_t{size.width} * size.height, "ok"};
}

// What a typed handler says to this payload.
std::string ErrorFor(const Handler& handler, const std::string& payload) {
  HandlerTest test(handler);
  test.task().set_type("area");
  test.task().set_payload(payload);
  const absl::Status status = test.Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << payload;
  EXPECT_TRUE(test.non_retryable()) << payload;
  return std::string(status.message());
}

TEST(TypedHandler, TakesAndReturnsJson) {
  HandlerTest test(Typed<Size, Area>(AreaOf));
  test.task().set_payload(R"({"width": 3, "height": 4})");
  ASSERT_TRUE(test.Run().ok()) << test.Run().status();
  EXPECT_EQ(*test.Run(), R"({"note":"ok","pixels":12})");
  EXPECT_EQ(test.ResultAs<Area>()->pixels, 12);
}

TEST(TypedHandler, TakesAndReturnsMessages) {
  HandlerTest test(Typed<v1::ExecPayload, v1::ExecResult>(
      [](const v1::ExecPayload& request, TaskContext&) -> absl::StatusOr<v1::ExecResult> {
        v1::ExecResult result;
        result.set_stdout_data(request.argv(0));
        return result;
      }));
  v1::ExecPayload request;
  request.add_argv("ls");
  test.SetPayload(request);
  test.Run();
  EXPECT_EQ(test.ResultAs<v1::ExecResult>()->stdout_data(), "ls");
}

TEST(TypedHandler, TakesAndReturnsBytesAsTheyAre) {
  HandlerTest test(Typed<std::string, std::string>(
      [](const std::string& bytes, TaskContext&) -> absl::StatusOr<std::string> {
        return bytes + bytes;
      }));
  const std::string bytes("a\0\xff", 3);
  test.task().set_payload(bytes);
  EXPECT_EQ(*test.Run(), bytes + bytes);
}

TEST(TypedHandler, AFunctionMayAskForTheTaskToo) {
  HandlerTest test(Typed<nlohmann::json, nlohmann::json>(
      [](const nlohmann::json& request, const v1::LeasedTask& task,
         TaskContext&) -> absl::StatusOr<nlohmann::json> {
        return nlohmann::json{{"attempt", task.attempt()}, {"was", request}};
      }));
  test.task().set_attempt(2);
  test.task().set_payload("[1]");
  EXPECT_EQ(*test.Run(), R"({"attempt":2,"was":[1]})");
}

TEST(TypedHandler, ErrorsOfTheFunctionAreItsOwn) {
  HandlerTest test(Typed<Size, Area>(AreaOf));
  test.SetPayload(Size{-1, 1});
  EXPECT_EQ(test.Run().status(), absl::OutOfRangeError("width is negative"));
  EXPECT_FALSE(test.non_retryable());
  EXPECT_EQ(test.ResultAs<Area>().status().message(), "width is negative");
}

TEST(TypedHandler, SaysWhatIsWrongWithJson) {
  const Handler handler = Typed<Size, Area>(AreaOf);
  EXPECT_THAT(ErrorFor(handler, "{\"width\": 3,"),
              AllOf(HasSubstr("the payload of this 'area' task, 12 bytes, cannot be read: parse "
                              "error at line 1, column 13"),
                    testing::Not(HasSubstr("json.exception"))));
  EXPECT_THAT(ErrorFor(handler, ""), HasSubstr("task, 0 bytes, cannot be read: parse error"));
  EXPECT_THAT(ErrorFor(handler, R"({"width": 3})"),
              HasSubstr("cannot be read: key 'height' not found"));
  EXPECT_THAT(ErrorFor(handler, R"({"width": "3", "height": 4})"),
              HasSubstr("type must be number, but is string"));
  EXPECT_THAT(ErrorFor(handler, "[1, 2]"), HasSubstr("cannot be read: "));
  EXPECT_THAT(ErrorFor(handler, "\xff\x1b[31m"), testing::Not(HasSubstr("\x1b")));
}

TEST(TypedHandler, WhateverFromJsonThrowsIsAnErrorOfThePayload) {
  const Handler handler = Typed<Picky, std::string>(
      [](const Picky&, TaskContext&) -> absl::StatusOr<std::string> { return ""; });
  EXPECT_THAT(ErrorFor(handler, "\"text\""), HasSubstr("cannot be read: no strings, please"));
  EXPECT_THAT(ErrorFor(handler, "7"), HasSubstr("cannot be read: from_json threw an exception"));
}

TEST(TypedHandler, SaysWhichMessageThePayloadIsNot) {
  const Handler handler = Typed<v1::ExecPayload, std::string>(
      [](const v1::ExecPayload&, TaskContext&) -> absl::StatusOr<std::string> { return ""; });
  EXPECT_THAT(ErrorFor(handler, "no message"),
              HasSubstr("the payload of this 'area' task, 10 bytes, cannot be read: these are not "
                        "the bytes of a tarea.v1.ExecPayload"));
}

TEST(TypedHandler, AResultThatCannotBeWrittenIsAnInternalError) {
  HandlerTest test(Typed<std::string, Area>([](const std::string&, TaskContext&) {
    return absl::StatusOr<Area>(Area{1, "\xff"});
  }));
  const absl::Status status = test.Run().status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()),
              HasSubstr("the result of this 'test' task cannot be written: invalid UTF-8"));
  EXPECT_FALSE(test.non_retryable());
}

}  // namespace
}  // namespace tarea
