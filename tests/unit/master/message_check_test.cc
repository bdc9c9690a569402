#include "master/message_check.h"

#include <gmock/gmock.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "proto/tasks.pb.h"

namespace tarea {
namespace {

using google::protobuf::io::ArrayInputStream;
using testing::HasSubstr;

// In blocks of a few bytes, as a network may bring them.
template <typename Message>
absl::Status CountParts(const std::string& bytes) {
  ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()), 7);
  return MessageCheck(Message::descriptor()).CountParts(stream);
}

template <typename Message>
std::string Explain(const std::string& bytes) {
  ArrayInputStream stream(bytes.data(), static_cast<int>(bytes.size()), 7);
  const absl::Status status = MessageCheck(Message::descriptor()).Explain(stream);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  return std::string(status.message());
}

TEST(MessageCheck, AsManyPartsAsAllowedPassAndOneMoreDoesNot) {
  v1::SubmitTasksRequest request;
  for (int64_t i = 0; i < MessageCheck::kMaxParts; ++i) request.add_tasks();
  EXPECT_TRUE(CountParts<v1::SubmitTasksRequest>(request.SerializeAsString()).ok());
  request.add_tasks();
  EXPECT_THAT(CountParts<v1::SubmitTasksRequest>(request.SerializeAsString()).message(),
              HasSubstr("the SubmitTasksRequest has more than 250000 tasks"));
}

TEST(MessageCheck, PartsWithinPartsCount) {
  v1::HeartbeatRequest request;
  for (int i = 0; i < 100; ++i) {
    v1::TaskOutput* const output = request.add_held()->mutable_output();
    for (int k = 0; k < 2497; ++k) output->add_chunks();
  }
  // 100 tasks, 100 outputs, 249,700 chunks, and one more.
  EXPECT_TRUE(CountParts<v1::HeartbeatRequest>(request.SerializeAsString()).ok());
  request.mutable_held(0)->mutable_output()->add_chunks();
  for (int i = 0; i < 100; ++i) request.add_held();
  EXPECT_FALSE(CountParts<v1::HeartbeatRequest>(request.SerializeAsString()).ok());
}

TEST(MessageCheck, WhatCannotBeReadIsLeftToTheParser) {
  EXPECT_TRUE(CountParts<v1::SubmitTasksRequest>("\x1a\x7f").ok());
  EXPECT_TRUE(CountParts<v1::SubmitTasksRequest>("\xff\xff\xff").ok());
  EXPECT_TRUE(CountParts<v1::SubmitTasksRequest>(std::string(1'000'000, '\x7b')).ok());
}

TEST(MessageCheck, NamesTheTextThatIsNotUtf8) {
  v1::SubmitTasksRequest request;
  request.set_batch_name("fine \u20ac");
  request.add_tasks()->set_payload("\xff is fine in bytes");
  request.add_tasks()->set_key("not \xff");
  EXPECT_THAT(Explain<v1::SubmitTasksRequest>(request.SerializeAsString()),
              HasSubstr("tasks[1].key is not valid UTF-8"));
}

TEST(MessageCheck, SaysWhichMessageWasExpected) {
  for (const std::string& bytes :
       {std::string("\xff"), std::string("\x1a\x7f"), std::string(100'000, '\x7b')}) {
    EXPECT_THAT(Explain<v1::SubmitTasksRequest>(bytes),
                HasSubstr("cannot be read as tarea.v1.SubmitTasksRequest"));
  }
}

}  // namespace
}  // namespace tarea
