#include "tests/history/jsonl.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tarea {
namespace {

using testing::HasSubstr;
using Phase = HistoryEvent::Phase;

HistoryEvent Whole() {
  HistoryItem item;
  item.task = 1;
  item.lease = int64_t{1} << 60;
  item.attempt = 2;
  item.max_attempts = 3;
  item.state = TaskState::kFailed;
  item.outcome = ResultOutcome::kReleased;
  item.status = ResultStatus::kStale;
  item.payload = ~uint64_t{0};
  item.result = 5;
  item.key = "queue/\"key\"\n";
  item.existing = true;
  item.depends_on = {6, 7};
  HistoryEvent event;
  event.micros = 8;
  event.process = "client 9";
  event.call = 10;
  event.op = HistoryEvent::Op::kResult;
  event.phase = Phase::kUnknown;
  event.request_id = "r";
  event.batch = 11;
  event.detail = "kill: \xff";
  event.items = {item, {}};
  return event;
}

TEST(JsonLines, KeepEachField) {
  HistoryEvent event = Whole();
  event.detail = "kill: master";
  const std::string line = ToJsonLine(event);
  std::vector<HistoryEvent> events;
  ASSERT_TRUE(ParseJsonLines(line, events).ok()) << line;
  ASSERT_EQ(events.size(), 1);
  // All fields are in the line, or a field would be lost here unseen.
  for (const char* field : {"micros", "process", "call", "request_id", "batch", "detail", "task",
                            "lease", "attempt", "max_attempts", "state", "outcome", "status",
                            "payload", "result", "key", "existing", "depends_on"}) {
    EXPECT_THAT(line, HasSubstr(std::string("\"") + field + "\":"));
  }
  EXPECT_EQ(ToJsonLine(events[0]), line);
  EXPECT_EQ(events[0].items.size(), 2);
  EXPECT_EQ(events[0].items[0].payload, ~uint64_t{0});
  EXPECT_EQ(events[0].items[0].key, "queue/\"key\"\n");
  EXPECT_EQ(events[0].items[0].depends_on, (std::vector<TaskId>{6, 7}));
  EXPECT_EQ(events[0].items[1].state, HistoryItem().state);
}

TEST(JsonLines, AreOneEachWhateverTheTextsHold) {
  const std::string line = ToJsonLine(Whole());
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  std::vector<HistoryEvent> events;
  EXPECT_TRUE(ParseJsonLines(line, events).ok());
}

TEST(JsonLines, ATornLastLineIsSkipped) {
  const std::string line = ToJsonLine(Whole());
  for (size_t size = 0; size < line.size(); ++size) {
    std::vector<HistoryEvent> events;
    ASSERT_TRUE(ParseJsonLines(line + line.substr(0, size), events).ok());
    ASSERT_EQ(events.size(), 1);
  }
}

TEST(JsonLines, AnyOtherLineThatIsNoEventIsRefusedWithItsNumber) {
  const std::string line = ToJsonLine(Whole());
  for (const std::string bad :
       {"", "{", "[]", R"({"op":"submit"})", R"({"op":"what","phase":"ok"})",
        R"({"op":"submit","phase":"ok","call":"one"})"}) {
    std::vector<HistoryEvent> events;
    EXPECT_THAT(ParseJsonLines(line + bad + "\n" + line, events).ToString(),
                HasSubstr("line 2 is no event"));
    EXPECT_EQ(events.size(), 1);
  }
}

TEST(JsonLines, AreSortedByTimeWithCallsBeforeAnswers) {
  std::vector<HistoryEvent> events(4);
  events[0].micros = 2;
  events[0].call = 1;
  events[1].micros = 1;
  events[1].call = 2;
  events[2].micros = 2;
  events[2].call = 3;
  events[2].phase = Phase::kInvoke;
  events[3].micros = 2;
  events[3].call = 4;
  SortByTime(events);
  std::vector<int64_t> calls;
  for (const HistoryEvent& event : events) calls.push_back(event.call);
  EXPECT_EQ(calls, (std::vector<int64_t>{2, 3, 1, 4}));
}

}  // namespace
}  // namespace tarea
