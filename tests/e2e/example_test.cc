// The examples in C++: a worker and a client of one's own.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "tests/e2e/cluster.h"
#include "tests/e2e/tasks.h"

namespace tarea {
namespace {

// What examples/word_count_worker.cc says of a text, found another way: what is no letter becomes a
// blank, and the words are sorted.
std::string CountWords(std::string text) {
  for (char& c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool letter = byte < 128 && std::isalpha(byte) != 0;
    c = letter ? static_cast<char>(std::tolower(byte)) : ' ';
  }
  std::vector<std::string> words = absl::StrSplit(text, ' ', absl::SkipEmpty());
  std::sort(words.begin(), words.end());
  size_t different = 0;
  std::string most;
  size_t most_times = 0;
  for (size_t begin = 0; begin < words.size(); ++different) {
    size_t end = begin;
    while (end < words.size() && words[end] == words[begin]) ++end;
    if (end - begin > most_times) {
      most = words[begin];
      most_times = end - begin;
    }
    begin = end;
  }
  return absl::StrCat(words.size(), " words, ", different, " different, most often '", most, "' (",
                      most_times, ")");
}

TEST(Examples, WordCountOfFilesOfThisRepository) {
  Cluster cluster;
  cluster.StartMaster();
  const std::string license = TAREA_SOURCE_DIR "/LICENSE";
  const std::string readme = TAREA_SOURCE_DIR "/README.md";
  const Process worker(BinPath("word_count_worker"),
                       {"--master", cluster.address(), "--slots", "2"});
  Process client(BinPath("word_count_client"), {cluster.address(), license, readme});
  EXPECT_EQ(client.Wait(), ProcessEnd{}) << client.Log() << worker.Log();
  const std::vector<std::string> lines = absl::StrSplit(client.Output(), '\n', absl::SkipEmpty());
  EXPECT_THAT(lines, testing::UnorderedElementsAre(
                         absl::StrCat(license, ": ", CountWords(ReadFile(license))),
                         absl::StrCat(readme, ": ", CountWords(ReadFile(readme)))));
}

TEST(Examples, WordCountOfAFileThatIsNotThereFailsTheClient) {
  Cluster cluster;
  cluster.StartMaster();
  const std::string missing = cluster.path() + "/missing";
  const Process worker(BinPath("word_count_worker"), {"--master", cluster.address()});
  Process client(BinPath("word_count_client"), {cluster.address(), missing});
  EXPECT_EQ(client.Wait(), ProcessEnd{.code = 1}) << client.Log() << worker.Log();
  EXPECT_EQ(client.Output(),
            absl::StrCat(missing, ": cannot read ", missing, ": No such file or directory\n"));
}

TEST(Examples, CsvReportsOfFilesThatAreThereAndOneThatCannotBeRead) {
  Cluster cluster;
  cluster.StartMaster();
  const std::string sales = cluster.path() + "/sales.csv";
  const std::string bad = cluster.path() + "/bad.csv";
  WriteFile(sales, "region,amount\nnorth,2.5\nsouth,7\nnorth,10\n");
  WriteFile(bad, "region,amount\nnorth,many\n");
  Process worker(BinPath("csv_report_worker"), {"--master", cluster.address()});
  Process client(BinPath("csv_report_client"), {cluster.address(), "region", "amount", sales, bad});
  EXPECT_EQ(client.Wait(), ProcessEnd{.code = 1}) << client.Log() << worker.Log();
  EXPECT_THAT(client.Output(),
              testing::AllOf(testing::HasSubstr(sales + ": 3 rows\n  north 12.5\n  south 7\n"),
                             testing::HasSubstr(bad + ": " + bad +
                                                " line 2: 'north,many' has no "
                                                "number in 'amount'")));
  worker.Kill(SIGTERM);
  EXPECT_EQ(worker.Wait(), ProcessEnd{}) << worker.Log();
  // What cannot work was not tried a second time.
  EXPECT_THAT(worker.Log(), testing::HasSubstr("reports made: 1, failed attempts: 1\n"));
}

TEST(Examples, ShoutAnswersInCapitalLetters) {
  Cluster cluster;
  cluster.StartMaster();
  const Process worker(BinPath("shout_worker"), {"--master", cluster.address()});
  v1::TaskSpec task;
  task.set_type("shout");
  task.set_payload("hello");
  const int64_t id = SubmitTask(cluster.client(), task);
  EXPECT_EQ(AwaitState(cluster.client(), id, v1::TASK_STATE_SUCCEEDED).result(), "HELLO");
}

}  // namespace
}  // namespace tarea
