// The journal of `client run`: whatever is the instant at which a client is killed, the one after
// it prints the rest and nothing twice.

#include "client/commands/run_journal.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utime.h>

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr RunKey kKey = {.batch_id = 12, .created_at = 1'700'000'000'000'000'001};

// What is printed to stdout and to stderr, as parts that follow each other.
struct Part {
  OutputStream stream;
  std::string bytes;
};

class RunJournalTest : public testing::Test {
 protected:
  RunJournal::Options Options(const std::string& out, const std::string& err, int flags,
                              std::function<void()> at_step = nullptr) {
    return {.directory = dir_.path() + "/runs",
            .out_fd = open(out.c_str(), O_WRONLY | O_CREAT | flags, 0600),
            .err_fd = open(err.c_str(), O_WRONLY | O_CREAT | flags, 0600),
            .at_step = std::move(at_step)};
  }

  static void CloseOutputs(const RunJournal::Options& options) {
    close(options.out_fd);
    close(options.err_fd);
  }

  // Chunk number `i`, from 1, and where it leads.
  static RunChunk Chunk(int i) {
    RunChunk chunk;
    chunk.Add(OutputStream::kStdout, absl::StrCat("out ", i, "\n"));
    if (i == 2) chunk.Add(OutputStream::kStderr, "err 2\n");
    if (i == 2) chunk.Add(OutputStream::kStdout, "out 2, too\n");
    return chunk;
  }

  static constexpr int kChunks = 3;

  // Prints what is left of the run: a client's life.
  static bool PrintAll(const RunJournal::Options& options) {
    auto journal = RunJournal::Open(options, kKey);
    if (absl::IsNotFound(journal.status())) {
      journal = RunJournal::Create(options, kKey, RunOrder::kOfInputs);
    }
    if (!journal.ok()) return false;
    if (!(*journal)->Print().ok()) return false;
    for (int i = static_cast<int>((*journal)->position().last_id) + 1; i <= kChunks; ++i) {
      if (!(*journal)->Append(Chunk(i), {.last_id = i, .cursor = 10 * i}).ok()) return false;
      if (!(*journal)->Print().ok()) return false;
    }
    (*journal)->Finish();
    return true;
  }

  // The same in a process that kills itself before step number `step`. True if it got to the end.
  bool PrintAllUntil(int step, int flags) {
    const pid_t child = fork();
    if (child == 0) {
      int steps = 0;
      const bool printed = PrintAll(Options(out_, err_, flags, [&] {
        if (++steps == step) kill(getpid(), SIGKILL);
      }));
      _exit(printed ? 0 : 1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "step " << step;
    return WIFEXITED(status);
  }

  void ExpectAllPrinted(int step) {
    EXPECT_EQ(ReadFile(out_), "out 1\nout 2\nout 2, too\nout 3\n") << "step " << step;
    EXPECT_EQ(ReadFile(err_), "err 2\n") << "step " << step;
  }

  // Kills a client before each of its steps, by turns, and lets another one go on, which is killed
  // at its first steps, too.
  void KillAtEachStep(int flags) {
    int step = 1;
    for (bool ended = false; !ended; ++step) {
      std::filesystem::remove(out_);
      std::filesystem::remove(err_);
      std::filesystem::remove_all(dir_.path() + "/runs");
      ended = PrintAllUntil(step, flags);
      if (!ended) PrintAllUntil(1 + step % 3, flags);
      // Also after one that came to its end: it may have been killed before it could say so.
      EXPECT_TRUE(PrintAllUntil(0, flags)) << "step " << step;
      ExpectAllPrinted(step);
    }
    EXPECT_GT(step, 15) << "the steps are not told";
  }

  TempDir dir_;
  const std::string out_ = dir_.path() + "/out";
  const std::string err_ = dir_.path() + "/err";
};

// A pipe that is kept open, or a file whose offset outlives the client: what `{ run; run; } > FILE`
// gives.
TEST_F(RunJournalTest, KilledBeforeAnyStepTheRestIsPrintedOnceToAFileAppended) {
  KillAtEachStep(O_APPEND);
}

TEST_F(RunJournalTest, KilledBeforeAnyStepTheRestIsPrintedOnceToAPipe) {
  int step = 1;
  for (bool ended = false; !ended; ++step) {
    std::filesystem::remove_all(dir_.path() + "/runs");
    int out[2];
    int err[2];
    ASSERT_EQ(pipe(out), 0);
    ASSERT_EQ(pipe(err), 0);
    for (const int kill_at : {step, 0}) {
      const pid_t child = fork();
      if (child == 0) {
        int steps = 0;
        const RunJournal::Options options = {
            .directory = dir_.path() + "/runs", .out_fd = out[1], .err_fd = err[1], .at_step = [&] {
              if (++steps == kill_at) kill(getpid(), SIGKILL);
            }};
        _exit(PrintAll(options) ? 0 : 1);
      }
      int status = 0;
      waitpid(child, &status, 0);
      if (kill_at != 0) ended = WIFEXITED(status);
      EXPECT_TRUE(WIFSIGNALED(status) || WEXITSTATUS(status) == 0) << "step " << step;
    }
    close(out[1]);
    close(err[1]);
    std::string printed[2];
    for (const int i : {0, 1}) {
      char buffer[256];
      const int fd = i == 0 ? out[0] : err[0];
      for (ssize_t n = 0; (n = read(fd, buffer, sizeof(buffer))) > 0;) {
        printed[i].append(buffer, static_cast<size_t>(n));
      }
      close(fd);
    }
    EXPECT_EQ(printed[0], "out 1\nout 2\nout 2, too\nout 3\n") << "step " << step;
    EXPECT_EQ(printed[1], "err 2\n") << "step " << step;
  }
  EXPECT_GT(step, 15) << "the steps are not told";
}

TEST_F(RunJournalTest, WhatIsLeftGoesToWhereTheNextClientPrints) {
  {
    const RunJournal::Options first = Options(out_, err_, O_TRUNC);
    auto journal = RunJournal::Create(first, kKey, RunOrder::kOfCompletion);
    ASSERT_TRUE(journal.ok()) << journal.status();
    ASSERT_TRUE((*journal)->Append(Chunk(1), {.last_id = 1, .cursor = 7}).ok());
    ASSERT_TRUE((*journal)->Print().ok());
    ASSERT_TRUE((*journal)->Append(Chunk(2), {.last_id = 2, .cursor = 9}).ok());
    CloseOutputs(first);
  }
  const RunJournal::Options second = Options(out_ + "2", err_ + "2", O_TRUNC);
  auto journal = RunJournal::Open(second, kKey);
  ASSERT_TRUE(journal.ok()) << journal.status();
  EXPECT_EQ((*journal)->order(), RunOrder::kOfCompletion);
  EXPECT_EQ((*journal)->position().last_id, 2);
  EXPECT_EQ((*journal)->position().cursor, 9);
  ASSERT_TRUE((*journal)->Print().ok());
  EXPECT_EQ(ReadFile(out_), "out 1\n");
  EXPECT_EQ(ReadFile(out_ + "2"), "out 2\nout 2, too\n");
  EXPECT_EQ(ReadFile(err_ + "2"), "err 2\n");
  CloseOutputs(second);
}

TEST_F(RunJournalTest, AnotherClientIsRefusedWhileOneHasItOpen) {
  const RunJournal::Options options = Options(out_, err_, O_TRUNC);
  auto journal = RunJournal::Create(options, kKey, RunOrder::kOfInputs);
  ASSERT_TRUE(journal.ok());
  const auto other = RunJournal::Open(options, kKey);
  EXPECT_EQ(other.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(other.status().message(),
              testing::HasSubstr(
                  absl::StrCat("batch 12 is being printed by another client, process ", getpid())));
  journal->reset();
  EXPECT_TRUE(RunJournal::Open(options, kKey).ok());
  CloseOutputs(options);
}

TEST_F(RunJournalTest, TheSameIdOfAnotherTimeIsAnotherRun) {
  const RunJournal::Options options = Options(out_, err_, O_TRUNC);
  ASSERT_TRUE(RunJournal::Create(options, kKey, RunOrder::kOfInputs).ok());
  RunKey other = kKey;
  ++other.created_at;
  EXPECT_EQ(RunJournal::Open(options, other).status().code(), absl::StatusCode::kNotFound);
  CloseOutputs(options);
}

TEST_F(RunJournalTest, WhatIsNoJournalIsNotTakenForOne) {
  const RunJournal::Options options = Options(out_, err_, O_TRUNC);
  ASSERT_TRUE(RunJournal::Create(options, kKey, RunOrder::kOfInputs).ok());
  for (const auto& file : std::filesystem::directory_iterator(options.directory)) {
    if (file.path().extension() == ".run") WriteFile(file.path().string(), std::string(4096, 'x'));
  }
  EXPECT_EQ(RunJournal::Open(options, kKey).status().code(), absl::StatusCode::kDataLoss);
  CloseOutputs(options);
}

TEST_F(RunJournalTest, OneWithNumbersThatNoRunHasIsRefused) {
  const RunJournal::Options options = Options(out_, err_, O_TRUNC);
  ASSERT_TRUE(RunJournal::Create(options, kKey, RunOrder::kOfInputs).ok());
  std::string path;
  for (const auto& file : std::filesystem::directory_iterator(options.directory)) {
    if (file.path().extension() == ".run") path = file.path().string();
  }
  const std::string good = ReadFile(path);
  // The order, and all numbers of the slot that counts.
  for (const size_t at : {24, 40, 48, 56, 64, 72, 80}) {
    std::string damaged = good;
    const int64_t number = std::numeric_limits<int64_t>::min() + 5;
    memcpy(damaged.data() + at, &number, sizeof(number));
    WriteFile(path, damaged);
    const auto journal = RunJournal::Open(options, kKey);
    EXPECT_EQ(journal.status().code(), absl::StatusCode::kDataLoss) << at;
    EXPECT_THAT(std::string(journal.status().message()),
                testing::HasSubstr("is damaged, so what was printed is not known; remove it"));
  }
  WriteFile(path, good);
  EXPECT_TRUE(RunJournal::Open(options, kKey).ok());
  CloseOutputs(options);
}

TEST_F(RunJournalTest, APlaceThatCannotBeWrittenIsNamed) {
  WriteFile(dir_.path() + "/runs", "a file");
  const auto journal = RunJournal::Create(Options(out_, err_, O_TRUNC), kKey, RunOrder::kOfInputs);
  EXPECT_THAT(std::string(journal.status().message()),
              testing::AllOf(testing::HasSubstr("cannot make"), testing::HasSubstr("/runs")));
}

TEST_F(RunJournalTest, OnlyOldOnesThatNobodyHasOpenAreRemoved) {
  const RunJournal::Options options = Options(out_, err_, O_TRUNC);
  RunKey left = kKey;
  left.batch_id = 13;
  ASSERT_TRUE(RunJournal::Create(options, left, RunOrder::kOfInputs).ok());
  const auto open = RunJournal::Create(options, kKey, RunOrder::kOfInputs);
  ASSERT_TRUE(open.ok());
  const absl::Time now = absl::Now();
  RunJournal::RemoveOlderThan(options.directory, now - absl::Hours(1), now - absl::Hours(1));
  EXPECT_TRUE(RunJournal::Open(options, left).ok());
  RunJournal::RemoveOlderThan(options.directory, now + absl::Hours(1), now - absl::Hours(1));
  EXPECT_EQ(RunJournal::Open(options, left).status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(RunJournal::Open(options, kKey).status().code(), absl::StatusCode::kFailedPrecondition);
  const auto files = std::filesystem::directory_iterator(options.directory);
  EXPECT_EQ(std::distance(begin(files), end(files)), 2);
  CloseOutputs(options);
}

TEST_F(RunJournalTest, AFinishedOneIsKnownForAWhile) {
  const RunJournal::Options options = Options(out_, err_, O_TRUNC);
  ASSERT_TRUE(PrintAll(options));
  const absl::Time now = absl::Now();
  RunJournal::RemoveOlderThan(options.directory, now + absl::Hours(1), now - absl::Hours(1));
  {
    const auto journal = RunJournal::Open(options, kKey);
    ASSERT_TRUE(journal.ok()) << journal.status();
    EXPECT_EQ((*journal)->position().last_id, kChunks);
    ASSERT_TRUE((*journal)->Print().ok());
    (*journal)->Finish();
  }
  ExpectAllPrinted(0);
  // Nothing but the page is left, and in the end nothing.
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(options.directory), {}), 1);
  RunJournal::RemoveOlderThan(options.directory, now - absl::Hours(1), now + absl::Hours(1));
  EXPECT_TRUE(std::filesystem::is_empty(options.directory));
  CloseOutputs(options);
}

TEST(RunChunk, JoinsWhatGoesToTheSameStreamAndKeepsTheOrderOfOthers) {
  RunChunk chunk;
  EXPECT_TRUE(chunk.empty());
  chunk.Add(OutputStream::kStdout, "a");
  chunk.Add(OutputStream::kStderr, "");
  chunk.Add(OutputStream::kStdout, "b");
  chunk.Add(OutputStream::kStderr, std::string("\0c", 2));
  chunk.Add(OutputStream::kStdout, "d");
  std::vector<std::string> parts;
  chunk.ForEach([&](OutputStream stream, absl::string_view bytes) {
    parts.push_back(absl::StrCat(static_cast<int>(stream), ":", bytes));
  });
  EXPECT_THAT(parts, testing::ElementsAre("0:ab", std::string("1:\0c", 4), "0:d"));
  RunChunk::Header header;
  memcpy(&header, chunk.encoded().data(), sizeof(header));
  EXPECT_EQ(header.stream, 1) << "a spool may be that of an earlier client";
}

}  // namespace
}  // namespace tarea
