#include "client/commands/filter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace tarea {
namespace {

using testing::HasSubstr;

const std::vector<FilterField>& Fields() {
  static const auto* fields = new std::vector<FilterField>{{"state", FilterField::kTaskState},
                                                           {"name"},
                                                           {"attempt", FilterField::kNumber},
                                                           {"age", FilterField::kAge},
                                                           {"label.", FilterField::kFamily}};
  return *fields;
}

// Whether an item with these values matches; numbers are those of attempt and age.
bool Matches(const std::string& text,
             const std::map<std::string, std::vector<std::string>>& texts = {}, double number = 0) {
  Filter filter;
  const absl::Status status = filter.Add(text, Fields());
  EXPECT_TRUE(status.ok()) << status;
  return filter.Matches([&](absl::string_view field) {
    const auto found = texts.find(std::string(field));
    return FilterValue{.texts = found == texts.end() ? std::vector<std::string>() : found->second,
                       .number = number};
  });
}

std::string Mistake(const std::string& text) {
  Filter filter;
  return std::string(filter.Add(text, Fields()).message());
}

TEST(Filter, ComparesTexts) {
  EXPECT_TRUE(Matches("name=deploy", {{"name", {"deploy"}}}));
  EXPECT_FALSE(Matches("name=deploy", {{"name", {"deploys"}}}));
  EXPECT_TRUE(Matches("name!=deploy", {{"name", {"deploys"}}}));
  EXPECT_TRUE(Matches("name~PLOY", {{"name", {"Deploy"}}}));
  EXPECT_FALSE(Matches("name!~ploy", {{"name", {"deploy"}}}));
  EXPECT_TRUE(Matches("label.env=prod", {{"label.env", {"prod"}}}));
  EXPECT_TRUE(Matches("label.env=", {}));
  EXPECT_TRUE(Matches("label.env!=prod", {}));
}

TEST(Filter, EveryTermAndOneOfTheAlternativesMustHold) {
  EXPECT_TRUE(Matches("name=a|b, label.env=prod", {{"name", {"b"}}, {"label.env", {"prod"}}}));
  EXPECT_FALSE(Matches("name=a|b,label.env=prod", {{"name", {"c"}}, {"label.env", {"prod"}}}));
  EXPECT_FALSE(Matches("name=a|b,label.env=prod", {{"name", {"a"}}}));
  EXPECT_FALSE(Matches("name!=a|b", {{"name", {"b"}}}));
}

TEST(Filter, OfAListOneMustMatch) {
  EXPECT_TRUE(Matches("name=a", {{"name", {"b", "a"}}}));
  EXPECT_FALSE(Matches("name!=a", {{"name", {"b", "a"}}}));
}

TEST(Filter, AStateMayBeAWordForSeveral) {
  EXPECT_TRUE(Matches("state=waiting", {{"state", {"scheduled"}}}));
  EXPECT_FALSE(Matches("state=waiting|failed", {{"state", {"running"}}}));
  EXPECT_TRUE(Matches("state!=finished", {{"state", {"running"}}}));
}

TEST(Filter, ComparesNumbersAndAges) {
  EXPECT_TRUE(Matches("attempt>1", {}, 2));
  EXPECT_FALSE(Matches("attempt>1", {}, 1));
  EXPECT_TRUE(Matches("attempt>=1,attempt<=1,attempt=1", {}, 1));
  EXPECT_FALSE(Matches("attempt!=1", {}, 1));
  EXPECT_TRUE(Matches("age<1h", {}, 3599));
  EXPECT_FALSE(Matches("age<1h", {}, 3600));
}

TEST(Filter, ABackslashTakesTheMeaningFromCommasAndBars) {
  EXPECT_TRUE(Matches(R"(name=a\,b\|c\\)", {{"name", {R"(a,b|c\)"}}}));
}

TEST(Filter, SaysWhatIsWrong) {
  EXPECT_THAT(Mistake("nam=x"), HasSubstr("'nam=x': there is no field 'nam'; these are state, "
                                          "name, attempt, age, label.NAME"));
  EXPECT_THAT(Mistake("name"), HasSubstr("'name': it must be FIELD, one of"));
  EXPECT_THAT(Mistake("=x"), HasSubstr("it must be FIELD"));
  EXPECT_THAT(Mistake("name=x,"), HasSubstr("'': it must be FIELD"));
  EXPECT_THAT(Mistake("name!x"), HasSubstr("it must be FIELD"));
  EXPECT_THAT(Mistake("state=redy"), HasSubstr("'redy' is not a state"));
  EXPECT_THAT(Mistake("attempt=x"), HasSubstr("'x' is not a number"));
  EXPECT_THAT(Mistake("age>5"), HasSubstr("'5' is not a duration"));
  EXPECT_THAT(Mistake("name>5"), HasSubstr("name is not a number"));
  EXPECT_THAT(Mistake("attempt~5"), HasSubstr("attempt is a number"));
  EXPECT_THAT(Mistake("label.=5"), HasSubstr("no field 'label.'"));
}

}  // namespace
}  // namespace tarea
