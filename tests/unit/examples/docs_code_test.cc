// The C++ that the documentation shows is that of the examples, which are compiled and run.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"

namespace {

using testing::IsEmpty;
using testing::SizeIs;

std::string ReadFile(const std::filesystem::path& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  EXPECT_FALSE(content.str().empty()) << path;
  return content.str();
}

// What stands between ```cpp and ```, with each block's last line break.
std::vector<std::string> CppBlocks(const std::string& markdown) {
  std::vector<std::string> blocks;
  bool inside = false;
  for (const absl::string_view line : absl::StrSplit(markdown, '\n')) {
    if (line == "```cpp") {
      inside = true;
      blocks.emplace_back();
    } else if (line == "```") {
      inside = false;
    } else if (inside) {
      absl::StrAppend(&blocks.back(), line, "\n");
    }
  }
  return blocks;
}

// How lines are broken does not matter.
std::string WithoutLayout(absl::string_view code) {
  return absl::StrJoin(absl::StrSplit(code, absl::ByAnyChar(" \n"), absl::SkipEmpty()), " ");
}

// Whether a file has all of a block: what stands between its lines "...", one after the other.
bool Holds(const std::string& file, const std::string& block) {
  const std::string code = WithoutLayout(file);
  size_t at = 0;
  for (const absl::string_view part : absl::StrSplit(block, "\n...\n")) {
    const std::string wanted = WithoutLayout(part);
    at = code.find(wanted, at);
    if (at == std::string::npos) return false;
    at += wanted.size();
  }
  return true;
}

// Those of the page's blocks that are in no example.
std::vector<std::string> Strangers(const std::string& markdown) {
  std::vector<std::string> examples;
  for (const auto& entry : std::filesystem::directory_iterator(TAREA_SOURCE_DIR "/examples")) {
    const std::filesystem::path& path = entry.path();
    if (path.extension() == ".cc" || path.extension() == ".h") examples.push_back(ReadFile(path));
  }
  std::vector<std::string> strangers;
  for (const std::string& block : CppBlocks(markdown)) {
    if (std::none_of(examples.begin(), examples.end(),
                     [&block](const std::string& file) { return Holds(file, block); })) {
      strangers.push_back(block);
    }
  }
  return strangers;
}

TEST(DocsCode, EachCppBlockIsPartOfAnExample) {
  for (const std::string page : {"README.md", "docs/handlers.md"}) {
    const std::string markdown = ReadFile(absl::StrCat(TAREA_SOURCE_DIR "/", page));
    EXPECT_THAT(CppBlocks(markdown), testing::Not(IsEmpty())) << page;
    EXPECT_THAT(Strangers(markdown), IsEmpty()) << page;
  }
}

TEST(DocsCode, FindsABlockThatIsInNoExample) {
  const std::string good = R"(#include "worker/worker_main.h"
...
int main(int argc, char** argv) {
  return tarea::WorkerMain(argc, argv, {{"shout", Shout}});
}
)";
  EXPECT_THAT(Strangers(absl::StrCat("```cpp\n", good, "```\n")), IsEmpty());
  EXPECT_THAT(Strangers(absl::StrCat("text\n```cpp\n", good, "```\n```cpp\nint x;\n```\n")),
              SizeIs(1));
}

}  // namespace
