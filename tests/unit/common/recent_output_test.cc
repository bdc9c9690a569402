#include "common/recent_output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr OutputStream kOut = OutputStream::kStdout;
constexpr OutputStream kErr = OutputStream::kStderr;
constexpr size_t kAll = 1 << 30;

OutputChunk Chunk(OutputStream stream, int64_t offset, std::string data) {
  return {.stream = stream, .offset = offset, .data = std::move(data)};
}

// All that is kept of one stream.
std::string Kept(const RecentOutput& output, OutputStream stream) {
  OutputOffsets from;
  std::string kept;
  for (const OutputChunk& chunk : output.Read(from, kAll)) {
    if (chunk.stream == stream) kept += chunk.data;
  }
  return kept;
}

TEST(RecentOutput, IsReadInTheOrderInWhichItWasWritten) {
  RecentOutput output(10'000);
  output.Append(kOut, "a");
  output.Append(kOut, "b");
  output.Append(kErr, "oops");
  output.Append(kOut, "c");
  OutputOffsets from;
  EXPECT_THAT(output.Read(from, kAll),
              ElementsAre(Chunk(kOut, 0, "ab"), Chunk(kErr, 0, "oops"), Chunk(kOut, 2, "c")));
  EXPECT_EQ(from, output.ends());
  EXPECT_THAT(output.Read(from, kAll), IsEmpty());
  output.Append(kOut, "d");
  EXPECT_THAT(output.Read(from, kAll), ElementsAre(Chunk(kOut, 3, "d")));
}

TEST(RecentOutput, ReadingStopsAtTheLimitAndGoesOnThere) {
  RecentOutput output(10'000);
  output.Append(kOut, "abc");
  output.Append(kErr, "def");
  OutputOffsets from;
  EXPECT_THAT(output.Read(from, 4), ElementsAre(Chunk(kOut, 0, "abc"), Chunk(kErr, 0, "d")));
  EXPECT_THAT(output.Read(from, 1), ElementsAre(Chunk(kErr, 1, "e")));
  EXPECT_THAT(output.Read(from, 0), IsEmpty());
  EXPECT_THAT(output.Read(from, 9), ElementsAre(Chunk(kErr, 2, "f")));
}

TEST(RecentOutput, KeepsTheEndOfEachStreamAndSaysWhereItIs) {
  RecentOutput output(10'000);
  output.Append(kErr, "quiet");
  std::string all;
  for (int i = 0; i < 10'000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    all += line;
    output.Append(kOut, line);
  }
  EXPECT_EQ(output.end(kOut), all.size());
  const std::string kept = Kept(output, kOut);
  EXPECT_GE(kept.size(), 10'000);
  EXPECT_LT(kept.size(), 10'000 + RecentOutput::kPieceBytes);
  EXPECT_EQ(kept, all.substr(all.size() - kept.size()));
  EXPECT_EQ(Kept(output, kErr), "quiet") << "a flood in one stream costs the other nothing";
  OutputOffsets from;
  from[kErr] = 5;
  const std::vector<OutputChunk> chunks = output.Read(from, 1);
  ASSERT_EQ(chunks.size(), 1);
  EXPECT_EQ(chunks[0].offset, all.size() - kept.size());
}

TEST(RecentOutput, OfAPieceThatIsTooLargeOnlyTheEndIsKept) {
  RecentOutput output(10'000);
  output.Append(kOut, std::string(1'000'000, 'x') + "end");
  EXPECT_EQ(output.end(kOut), 1'000'003);
  const std::string kept = Kept(output, kOut);
  EXPECT_LT(kept.size(), 10'000 + RecentOutput::kPieceBytes);
  EXPECT_EQ(kept.substr(kept.size() - 4), "xend");
}

TEST(RecentOutput, BytesThatComeByTurnsToBothStreamsAreBoundedToo) {
  RecentOutput output(1 << 20);
  for (int i = 0; i < 100'000; ++i) {
    output.Append(kOut, "o");
    output.Append(kErr, "e");
  }
  OutputOffsets from;
  EXPECT_LE(output.Read(from, kAll).size(), 2 * 4096);
  EXPECT_EQ(output.end(kOut), 100'000);
}

TEST(RecentOutput, WhatComesTwiceIsTakenOnceAndWhatIsMissingIsSkipped) {
  RecentOutput output(10'000);
  output.AppendAt(kOut, 0, "abc");
  output.AppendAt(kOut, 0, "abcd");
  output.AppendAt(kOut, 1, "bc");
  EXPECT_EQ(Kept(output, kOut), "abcd");
  output.AppendAt(kOut, 10, "xyz");
  EXPECT_EQ(output.end(kOut), 13);
  OutputOffsets from;
  EXPECT_THAT(output.Read(from, kAll), ElementsAre(Chunk(kOut, 0, "abcd"), Chunk(kOut, 10, "xyz")));
}

TEST(RecentOutput, BeginsAnywhereAndMayBeAskedForWhatDoesNotExistYet) {
  RecentOutput output(10'000);
  output.AppendAt(kOut, 100, "abc");
  OutputOffsets from;
  from[kOut] = 101;
  EXPECT_THAT(output.Read(from, kAll), ElementsAre(Chunk(kOut, 101, "bc")));
  from[kOut] = 500;
  EXPECT_THAT(output.Read(from, kAll), IsEmpty());
  EXPECT_EQ(from[kOut], 500);
}

}  // namespace
}  // namespace tarea
