// What is handed to others: how the programs are built, and the list of what is in them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/process.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::ContainsRegex;
using testing::HasSubstr;
using testing::StartsWith;

std::string Output(const std::string& program, const std::vector<std::string>& arguments) {
  Process process(program, arguments, {.working_directory = TAREA_SOURCE_DIR});
  EXPECT_EQ(process.Wait(), ProcessEnd{}) << program << ": " << process.Log();
  return process.Output();
}

class Release : public testing::TestWithParam<const char*> {};

TEST_P(Release, IsHardened) {
  const std::string program = BinPath(GetParam());
  EXPECT_THAT(Output("readelf", {"-W", "--file-header", "--program-headers", "--dynamic", program}),
              AllOf(ContainsRegex("Type: +DYN"), HasSubstr("GNU_RELRO"), HasSubstr("BIND_NOW"),
                    ContainsRegex("FLAGS_1.*PIE"), ContainsRegex("GNU_STACK.* RW +0x")));
  EXPECT_THAT(Output("readelf", {"-W", "--dyn-syms", program}),
              AllOf(HasSubstr("__stack_chk_fail"),
                    ContainsRegex("__(memcpy|v?snprintf|read|strn?cpy)_chk")));
}

INSTANTIATE_TEST_SUITE_P(Programs, Release, testing::Values("master", "worker", "client"),
                         [](const testing::TestParamInfo<const char*>& program) {
                           return std::string(program.param);
                         });

TEST(BillOfMaterials, HasTheLibrariesWithTheirVersions) {
  const std::string master = BinPath("master");
  const nlohmann::json bill = nlohmann::json::parse(
      Output(TAREA_SOURCE_DIR "/scripts/sbom", {master.substr(0, master.rfind('/'))}));
  EXPECT_EQ(bill["bomFormat"], "CycloneDX");
  EXPECT_EQ(bill["metadata"]["component"]["name"], "tarea");
  std::map<std::string, std::string> versions;
  for (const nlohmann::json& component : bill["components"]) {
    versions[component["name"]] = component["version"];
    EXPECT_THAT(component["purl"].get<std::string>(), StartsWith("pkg:deb/"));
  }
  const std::pair<const char*, const char*> expected[] = {{"libcli11-dev", "2."},
                                                          {"libgrpc++1.51", "1.51"},
                                                          {"libsqlite3-0", "3."},
                                                          {"libssl3", "3."},
                                                          {"libc6", "2."}};
  for (const auto& [library, version] : expected) {
    EXPECT_THAT(versions[library], StartsWith(version)) << library;
  }
}

}  // namespace
}  // namespace tarea
