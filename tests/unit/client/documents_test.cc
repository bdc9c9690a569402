#include "client/commands/documents.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <yaml-cpp/yaml.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr OutputFormat kForPrograms[] = {OutputFormat::kJson, OutputFormat::kJsonLines,
                                         OutputFormat::kYaml};

std::string Printed(OutputFormat format, const std::vector<std::string>& items,
                    absl::string_view rest) {
  std::ostringstream out;
  Documents documents(out, format);
  documents.Begin("tasks");
  for (const std::string& item : items) documents.Item(item);
  documents.End(rest);
  return out.str();
}

TEST(ParseOutputFormat, NamesWhatThereIs) {
  EXPECT_EQ(*ParseOutputFormat("yaml"), OutputFormat::kYaml);
  EXPECT_EQ(ParseOutputFormat("xml").status().message(),
            "'xml' is not a way to show things; these are table, wide, json, jsonl, yaml");
}

TEST(Documents, ItemsAreOneDocumentOrLines) {
  const std::vector<std::string> items = {R"({"id":"1"})", R"({"id":"2"})"};
  const std::string rest = R"({"cursor":"7"})";
  EXPECT_EQ(Printed(OutputFormat::kJson, items, rest),
            "{\"tasks\":[{\"id\":\"1\"},{\"id\":\"2\"}],\"cursor\":\"7\"}\n");
  EXPECT_EQ(Printed(OutputFormat::kJsonLines, items, rest), "{\"id\":\"1\"}\n{\"id\":\"2\"}\n");
  EXPECT_EQ(Printed(OutputFormat::kYaml, items, rest),
            "tasks:\n- id: \"1\"\n- id: \"2\"\ncursor: \"7\"\n");
}

TEST(Documents, NoItemsAreAnEmptyList) {
  EXPECT_EQ(Printed(OutputFormat::kJson, {}, "{}"), "{\"tasks\":[]}\n");
  EXPECT_EQ(Printed(OutputFormat::kJsonLines, {}, "{}"), "");
  EXPECT_EQ(Printed(OutputFormat::kYaml, {}, "{}"), "tasks: []\n");
}

TEST(Documents, AnItemBeginsAListAndEndIsNeededOnce) {
  std::ostringstream out;
  Documents documents(out, OutputFormat::kJson);
  documents.End();
  documents.Item("{}");
  documents.End();
  documents.End();
  EXPECT_EQ(out.str(), "{\"tasks\":[{}]}\n");
}

TEST(Documents, ADocumentIsTheSameInEachFormat) {
  const std::string json =
      R"({"id":"7","name":"a: b # c","on":"yes","empty":"","n":2.5,"no":null,"t":true,)"
      R"("list":[],"map":{},"nested":{"deep":[{"x":1},"~","- y","0x10","1e3","null"]}})";
  for (const OutputFormat format : kForPrograms) {
    std::ostringstream out;
    Documents(out, format).Document(json);
    if (format != OutputFormat::kYaml) {
      EXPECT_EQ(out.str(), json + "\n");
      continue;
    }
    const YAML::Node yaml = YAML::Load(out.str());
    EXPECT_EQ(yaml["id"].as<std::string>(), "7");
    EXPECT_EQ(yaml["id"].Tag(), "!");  // quoted: a text, not a number
    EXPECT_EQ(yaml["name"].as<std::string>(), "a: b # c");
    EXPECT_EQ(yaml["on"].Tag(), "!");  // "yes" is no boolean
    EXPECT_EQ(yaml["on"].as<std::string>(), "yes");
    EXPECT_EQ(yaml["empty"].as<std::string>(), "");
    EXPECT_EQ(yaml["n"].as<double>(), 2.5);
    EXPECT_TRUE(yaml["no"].IsNull());
    EXPECT_TRUE(yaml["t"].as<bool>());
    EXPECT_TRUE(yaml["list"].IsSequence());
    EXPECT_TRUE(yaml["map"].IsMap());
    const YAML::Node deep = yaml["nested"]["deep"];
    EXPECT_EQ(deep[0]["x"].as<int>(), 1);
    for (const size_t i : {1, 2, 3, 4, 5}) EXPECT_EQ(deep[i].Tag(), "!") << deep[i];
    EXPECT_EQ(deep[5].as<std::string>(), "null");
  }
}

TEST(JsonToYaml, WhatOthersWroteIsInertAndComesBackAsItWas) {
  const std::string hostile = "\x1b[2J\x7f\u009b\u202e\u200b\n\ufeff\\\"z\u00fc\U0001f600";
  const std::string yaml = *JsonToYaml(nlohmann::json({{"key", hostile}}).dump());
  for (const char* bad : {"\x1b", "\x7f", "\u009b", "\u202e", "\u200b", "\ufeff"}) {
    EXPECT_THAT(yaml, Not(HasSubstr(bad)));
  }
  EXPECT_EQ(YAML::Load(yaml)["key"].as<std::string>(), hostile);
  EXPECT_EQ(*JsonToYaml(R"({"key":"z\u00fc"})"), "key: \"z\u00fc\"\n");
}

}  // namespace
}  // namespace tarea
