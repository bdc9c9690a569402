// What the frames of HTTP/2 can be used for.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "tests/hostile/hostile_fixture.h"

namespace tarea {
namespace {

using http2::Peer;
using Frames = Hostile;

// As often as `bytes` are taken, but not more often than `times`. False if the master ended the
// connection, which is what is wanted of it.
bool SendAgainAndAgain(Peer& peer, const std::string& bytes, int times) {
  for (int i = 0; i < times; ++i) {
    if (!peer.Send(bytes)) return false;
  }
  // It may not have read all of it yet.
  return !peer.AwaitEnd(absl::Seconds(20));
}

// Calls that are opened and reset, each a stream of its own; `first` is odd.
std::string Resets(uint32_t first, int count) {
  std::string bytes;
  for (uint32_t stream = first; stream < first + 2 * static_cast<uint32_t>(count); stream += 2) {
    absl::StrAppend(&bytes, http2::CallHeaders(stream, "GetStats"), http2::Reset(stream));
  }
  return bytes;
}

TEST_F(Frames, WhoOpensAndResetsCallsWithoutEndIsCutOff) {
  Start({.peak_megabytes = 250, .cpu_seconds = 10});
  const int connections = IsInstrumented() ? 1 : 10;
  for (int connection = 0; connection < connections; ++connection) {
    Peer peer = Greeted();
    bool taken = true;
    for (uint32_t i = 0; taken && i < 100; ++i) taken = peer.Send(Resets(1 + 2000 * i, 1000));
    EXPECT_TRUE(!taken || peer.AwaitEnd());
  }
  other_caller().ExpectToGoOn();
  EXPECT_TRUE(cluster_.master().AwaitLog("it resets calls without end"));
}

TEST_F(Frames, AClientThatResetsAllItsCallsAtOnceIsNotCutOff) {
  Start({.peak_megabytes = 150, .cpu_seconds = 4});
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(Resets(1, 900)));
  EXPECT_TRUE(peer.Send(http2::Call(2001, "GetStats", "")));
  EXPECT_TRUE(peer.AwaitText("sqlite"));
}

TEST_F(Frames, AHeaderWithoutEndIsCutOff) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  const std::string field = http2::Field("a", std::string(16000, 'b'));
  const std::string more = http2::Frame(http2::kContinuation, http2::kNoFlags, 1, field);
  Peer peer = Greeted();
  EXPECT_TRUE(
      peer.Send(http2::Frame(http2::kHeaders, http2::kNoFlags, 1, http2::CallFields("GetStats"))));
  EXPECT_FALSE(SendAgainAndAgain(peer, more, 30'000));
  Peer empty = Greeted();
  EXPECT_TRUE(
      empty.Send(http2::Frame(http2::kHeaders, http2::kNoFlags, 1, http2::CallFields("GetStats"))));
  EXPECT_FALSE(
      SendAgainAndAgain(empty, http2::Frame(http2::kContinuation, http2::kNoFlags, 1, ""), 30'000));
  EXPECT_TRUE(cluster_.master().AwaitLog("it sends a header without end"));
}

TEST_F(Frames, MoreMetadataThanAllowedIsRefusedWithAWord) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(http2::Frame(
      http2::kHeaders, http2::kEndHeaders, 1,
      absl::StrCat(http2::CallFields("GetStats"), http2::Field("a", std::string(12000, 'b'))))));
  EXPECT_TRUE(peer.AwaitText("received initial metadata size exceeds limit"));
}

TEST_F(Frames, CallsWithoutAnAcknowledgementOfTheSettingsAreCutOff) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  Peer peer = Connect();
  EXPECT_TRUE(peer.Send(absl::StrCat(http2::Preface(), http2::Settings())));
  std::string calls;
  for (uint32_t stream = 1; stream < 2000; stream += 2) {
    calls += http2::CallHeaders(stream, "GetStats");
  }
  EXPECT_FALSE(SendAgainAndAgain(peer, calls, 1));
  EXPECT_TRUE(cluster_.master().AwaitLog("without acknowledging the settings"));
}

TEST_F(Frames, CallsThatAreNeverFinishedAreLimitedPerConnection) {
  Start({.peak_megabytes = 150, .cpu_seconds = 6});
  Peer peer = Greeted();
  bool taken = true;
  for (uint32_t i = 0; taken && i < 100; ++i) {
    std::string calls;
    for (uint32_t stream = 0; stream < 2000; stream += 2) {
      calls += http2::CallHeaders(1 + 2000 * i + stream, "GetStats");
    }
    taken = peer.Send(calls);
  }
  EXPECT_TRUE(!taken || peer.AwaitEnd());
}

TEST_F(Frames, PingsAndSettingsWithoutEndAreCutOff) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  for (const std::string& frame :
       {http2::Frame(http2::kPing, http2::kNoFlags, 0, "12345678"), http2::Settings()}) {
    std::string many;
    for (int i = 0; i < 4000; ++i) many += frame;
    Peer peer = Greeted();
    EXPECT_FALSE(SendAgainAndAgain(peer, many, 250));
  }
}

TEST_F(Frames, EmptyFramesCostNoMemory) {
  Start({.peak_megabytes = 120, .cpu_seconds = 8});
  std::string many;
  for (int i = 0; i < 4000; ++i) {
    many += http2::Frame(http2::kData, http2::kNoFlags, 1, "") + http2::WindowUpdate(0, 1);
  }
  Peer peer = Greeted();
  EXPECT_TRUE(peer.Send(http2::CallHeaders(1, "GetStats")));
  for (int i = 0; i < 100 && peer.Send(many); ++i) {
  }
}

}  // namespace
}  // namespace tarea
