// The unit test of the handler in csv_report.cc: no master, no worker, no waiting.
#include "examples/csv_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "worker/testing/handler_test.h"
#include "worker/typed_handler.h"

namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

class CsvReportTest : public testing::Test {
 protected:
  ~CsvReportTest() override { std::remove(path_.c_str()); }

  // Has the handler report on a file with this content.
  void Report(const std::string& content) {
    std::ofstream(path_) << content;
    test_.SetPayload(CsvReportRequest{.path = path_, .group_by = "region", .sum = "amount"});
    test_.Run();
  }

  const std::string path_ = absl::StrCat(
      testing::TempDir(), testing::UnitTest::GetInstance()->current_test_info()->name(), getpid());
  tarea::HandlerTest test_{tarea::Typed<CsvReportRequest, CsvReport>(MakeCsvReport)};
};

std::string ManyRows(int count) {
  std::string content = "region,amount\n";
  for (int i = 0; i < count; ++i) absl::StrAppend(&content, "north,1\n");
  return content;
}

TEST_F(CsvReportTest, SumsUpByGroup) {
  Report("day,region,amount\n1,north,2.5\n1,south,7\n2,north,10\n");
  const absl::StatusOr<CsvReport> report = test_.ResultAs<CsvReport>();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->rows, 3);
  EXPECT_THAT(report->totals, ElementsAre(Pair("north", 12.5), Pair("south", 7)));
  EXPECT_THAT(test_.context().logs(), ElementsAre("3 rows in 2 groups"));
}

TEST_F(CsvReportTest, StopsInTheMiddleWhenItIsCancelled) {
  test_.context().StopAtProgress(0.5, tarea::StopCause::kCancelled);
  Report(ManyRows(10'000));
  EXPECT_EQ(test_.ResultAs<CsvReport>().status(), absl::CancelledError("told to stop"));
  EXPECT_NEAR(test_.context().progress().back().fraction(), 0.5, 0.1);
  EXPECT_EQ(test_.context().progress().back().message(), "5000 rows");
}

TEST_F(CsvReportTest, AFileThatIsNotThereIsTriedAgain) {
  test_.SetPayload(CsvReportRequest{.path = "/no/such/file", .group_by = "a", .sum = "b"});
  EXPECT_EQ(test_.Run().status(),
            absl::NotFoundError("cannot read /no/such/file: No such file or directory"));
  EXPECT_FALSE(test_.non_retryable());
}

TEST_F(CsvReportTest, AnEmptyFileNeverWorks) {
  Report("");
  EXPECT_TRUE(test_.non_retryable());
}

TEST_F(CsvReportTest, AColumnThatIsNotThereNeverWorks) {
  Report("day,amount\n1,2\n");
  EXPECT_TRUE(test_.non_retryable());
  EXPECT_THAT(std::string(test_.ResultAs<CsvReport>().status().message()),
              HasSubstr("has no column 'region'; it has day, amount"));
}

TEST_F(CsvReportTest, ALineWithoutANumberNeverWorksAndIsNamed) {
  Report("region,amount\nnorth,2\nsouth,many\n");
  EXPECT_TRUE(test_.non_retryable());
  EXPECT_THAT(std::string(test_.ResultAs<CsvReport>().status().message()),
              HasSubstr("line 3: 'south,many' has no number in 'amount'"));
}

TEST_F(CsvReportTest, APayloadThatIsNoRequestNeverWorks) {
  test_.task().set_payload(R"({"path": "sales.csv"})");
  EXPECT_EQ(test_.Run().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_TRUE(test_.non_retryable());
}

}  // namespace
