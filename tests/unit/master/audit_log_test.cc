#include "master/security/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

class AuditLogTest : public testing::Test {
 protected:
  std::unique_ptr<AuditLog> Open() {
    absl::StatusOr<std::unique_ptr<AuditLog>> log = AuditLog::Open(options_);
    EXPECT_TRUE(log.ok()) << log.status();
    return *std::move(log);
  }

  // As a program reads it that knows JSON and nothing else.
  static std::vector<nlohmann::json> Lines(const std::string& path) {
    std::vector<nlohmann::json> lines;
    std::ifstream file(path);
    for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
    return lines;
  }

  const TempDir dir_;
  AuditOptions options_ = {.file = dir_.path() + "/audit.log",
                           .now = [] { return absl::FromUnixMillis(1'700'000'000'123); }};
  const Caller caller_ = {.name = "ci",
                          .address = "ipv4:10.0.0.7:40123",
                          .grant = {.role = Role::kSubmit, .queues = {"images"}}};
};

TEST_F(AuditLogTest, SaysWhoDidWhatToWhat) {
  const auto log = Open();
  log->Record(caller_, "SubmitTasks", absl::OkStatus(),
              {.batch = 12, .tasks = 3, .queues = {"images", "thumbs"}});
  EXPECT_EQ(Lines(options_.file)[0], nlohmann::json::parse(R"({
    "time": "2023-11-14T22:13:20.123Z", "call": "SubmitTasks", "outcome": "OK",
    "address": "ipv4:10.0.0.7:40123", "caller": "ci", "role": "submit",
    "batch": 12, "tasks": 3, "queues": ["images", "thumbs"]})"));
}

TEST_F(AuditLogTest, SaysWhoWasRefusedAndWhy) {
  const auto log = Open();
  log->Record(caller_, "PauseQueue", absl::PermissionDeniedError("no"));
  log->RecordStranger("ipv4:10.0.0.8:1", "GetTask", absl::UnauthenticatedError("who are you"));
  const std::vector<nlohmann::json> lines = Lines(options_.file);
  ASSERT_THAT(lines, SizeIs(2));
  EXPECT_EQ(lines[0]["outcome"], "PERMISSION_DENIED");
  EXPECT_EQ(lines[0]["reason"], "no");
  EXPECT_EQ(lines[1], nlohmann::json::parse(R"({
    "time": "2023-11-14T22:13:20.123Z", "call": "GetTask", "outcome": "UNAUTHENTICATED",
    "reason": "who are you", "address": "ipv4:10.0.0.8:1"})"));
}

TEST_F(AuditLogTest, WhatACallerChoseBreaksNoLine) {
  const auto log = Open();
  log->Record(caller_, "SubmitTasks", absl::PermissionDeniedError("a\n{\"call\": 1}\x1b[2J\xff"),
              {.batch = 0, .tasks = 0, .queues = {"\"\n\\"}});
  const std::vector<nlohmann::json> lines = Lines(options_.file);
  ASSERT_THAT(lines, SizeIs(1));
  EXPECT_EQ(lines[0]["call"], "SubmitTasks");
}

TEST_F(AuditLogTest, ManyQueuesAreNotAllNamed) {
  const auto log = Open();
  AuditSubject subject;
  for (int i = 0; i < 1000; ++i) subject.queues.insert(absl::StrCat("queue-", i));
  log->Record(caller_, "SubmitTasks", absl::OkStatus(), subject);
  EXPECT_THAT(Lines(options_.file)[0]["queues"], SizeIs(20));
}

TEST_F(AuditLogTest, IsForItsOwnerOnlyAlsoOnceItWasRotated) {
  options_.max_bytes = 1000;
  options_.files = 2;
  const auto log = Open();
  for (int i = 0; i < 50; ++i) log->Record(caller_, "SubmitTasks", absl::OkStatus());
  for (const char* end : {".log", ".1.log", ".2.log"}) {
    const std::string path = dir_.path() + "/audit" + end;
    struct stat info = {};
    ASSERT_EQ(stat(path.c_str(), &info), 0) << path;
    EXPECT_EQ(info.st_mode & 0777, 0600) << path;
    EXPECT_LE(info.st_size, 1000);
    EXPECT_FALSE(Lines(path).empty());
  }
  struct stat info = {};
  EXPECT_NE(stat((dir_.path() + "/audit.3.log").c_str(), &info), 0);
}

// Else whoever may do nothing could push out what others did.
TEST_F(AuditLogTest, OfRefusalsEachHasOnlySoManyLines) {
  const auto log = Open();
  const absl::Status denied = absl::PermissionDeniedError("no");
  for (int i = 0; i < 100; ++i) log->Record(caller_, "PauseQueue", denied);
  EXPECT_THAT(Lines(options_.file), SizeIs(60));
  log->Record(caller_, "SubmitTasks", absl::OkStatus());
  for (int i = 0; i < 70; ++i) {
    log->RecordStranger(absl::StrCat("ipv6:%5B2001:db8::", i, "%5D:", i), "GetTask", denied);
  }
  log->RecordStranger("ipv6:%5B2001:db9::1%5D:1", "GetTask", denied);
  const std::vector<nlohmann::json> lines = Lines(options_.file);
  ASSERT_THAT(lines, SizeIs(60 + 1 + 60 + 1));
  EXPECT_EQ(lines[60]["more_refused"], 40);
  EXPECT_FALSE(lines[61].contains("more_refused"));
  EXPECT_EQ(lines[121]["more_refused"], 10);
}

TEST_F(AuditLogTest, GoesOnWhereAnEarlierOneEnded) {
  Open()->Record(caller_, "SubmitTasks", absl::OkStatus());
  Open()->Record(caller_, "SubmitTasks", absl::OkStatus());
  EXPECT_THAT(Lines(options_.file), SizeIs(2));
}

TEST_F(AuditLogTest, WithoutAFileNothingIsWritten) {
  options_.file.clear();
  const auto log = Open();
  EXPECT_FALSE(log->on());
  log->Record(caller_, "SubmitTasks", absl::OkStatus());
}

TEST_F(AuditLogTest, AFileThatCannotBeWrittenIsSaid) {
  options_.file = dir_.path() + "/no/such/audit.log";
  const absl::Status status = AuditLog::Open(options_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr(options_.file));
}

}  // namespace
}  // namespace tarea
