#include "worker/handlers/progress_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "common/progress.h"
#include "worker/testing/fake_context.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class ProgressReaderTest : public testing::Test {
 protected:
  std::vector<double> Fractions() const {
    std::vector<double> fractions;
    for (const v1::Progress& progress : context_.progress()) {
      fractions.push_back(progress.fraction());
    }
    return fractions;
  }
  std::vector<std::string> Messages() const {
    std::vector<std::string> messages;
    for (const v1::Progress& progress : context_.progress()) {
      messages.push_back(progress.message());
    }
    return messages;
  }

  FakeContext context_;
  ProgressReader reader_{&context_};
};

TEST_F(ProgressReaderTest, LinesMayComeInPieces) {
  for (const char c : absl::string_view("0.5 half way\n75%\n\n100% done\n")) {
    reader_.Add(absl::string_view(&c, 1));
  }
  EXPECT_THAT(Fractions(), ElementsAre(0.5, 0.75, 1));
  EXPECT_THAT(Messages(), ElementsAre("half way", "", "done"));
}

TEST_F(ProgressReaderTest, ALineWithoutEndIsNone) {
  reader_.Add("0.5");
  EXPECT_THAT(Fractions(), IsEmpty());
}

TEST_F(ProgressReaderTest, OfLinesThatComeTogetherTheLastGoodOneCounts) {
  reader_.Add("0.1");
  reader_.Add("5 begun before\n0.2\n30% last good\nnonsense\n\n0.9");
  EXPECT_THAT(Messages(), ElementsAre("last good"));
  reader_.Add(" end\nnonsense\n");
  EXPECT_THAT(Fractions(), ElementsAre(0.3, 0.9));
}

TEST_F(ProgressReaderTest, OneWrongLineIsLogged) {
  for (const char* line : {"nonsense\n", "101%\n", "-0.1\n", "nan\n", "1e-1 fine\n"}) {
    reader_.Add(line);
  }
  EXPECT_THAT(Fractions(), ElementsAre(0.1));
  EXPECT_THAT(context_.logs(), ElementsAre(HasSubstr("'nonsense' is not a progress")));
}

TEST_F(ProgressReaderTest, OfALongLineTheBeginningCounts) {
  const std::string line = "50% " + std::string(1'000'000, 'x') + "\n";
  reader_.Add(line.substr(0, 500));
  reader_.Add(line.substr(500));
  reader_.Add("nonsense\n" + line);
  EXPECT_THAT(Fractions(), ElementsAre(0.5, 0.5));
  for (const std::string& message : Messages()) {
    EXPECT_EQ(message.size(), ProgressReader::kMaxLine - 4);
  }
}

TEST(ParseProgress, SaysWhatIsWrong) {
  EXPECT_EQ(ParseProgress("ab\x1b c").status(),
            absl::InvalidArgumentError("'ab\\x1b' is not a progress; write 0% to 100%, or 0.0 to "
                                       "1.0, and then any text"));
  for (const char* bad : {"", "%", "1.01", "inf", "5 %", "-1%"}) {
    EXPECT_FALSE(ParseProgress(bad).ok()) << bad;
  }
}

}  // namespace
}  // namespace tarea
