// What connections can be used for, before and without any call.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <algorithm>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/e2e/tasks.h"
#include "tests/hostile/hostile_fixture.h"

namespace tarea {
namespace {

using http2::Peer;
using Connections = Hostile;

// Descriptors that this program needs besides connections.
constexpr int kOwnDescriptors = 200;

int CountOpen(std::vector<Peer>& peers) {
  return static_cast<int>(std::count_if(peers.begin(), peers.end(),
                                        [](Peer& peer) { return peer.open() && !peer.Ended(); }));
}

void SetDescriptorLimit(pid_t pid, rlim_t limit) {
  rlimit all = {};
  ASSERT_EQ(prlimit(pid, RLIMIT_NOFILE, nullptr, &all), 0);
  all.rlim_cur = limit;
  ASSERT_EQ(prlimit(pid, RLIMIT_NOFILE, &all, nullptr), 0);
}

TEST_F(Connections, ThoseThatSayNothingAreClosed) {
  ASSERT_GT(RaiseDescriptorLimit(), 2000 + kOwnDescriptors);
  Start({.peak_megabytes = 150, .cpu_seconds = 6});
  std::vector<Peer> silent;
  for (int i = 0; i < 2000; ++i) silent.push_back(Connect());
  EXPECT_TRUE(WaitFor([&] { return CountOpen(silent) == 0; }, absl::Seconds(30)));
}

TEST_F(Connections, ThoseThatTakeTheirTimeToSayWhoTheyAreAreClosed) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  Peer slow = Connect();
  // A byte now and then, without an end.
  const std::string hello = http2::Preface() + http2::Settings() + std::string(100'000, '\0');
  size_t sent = 0;
  EXPECT_TRUE(WaitFor([&] { return !slow.Send(hello.substr(sent++ / 50, 1)) || slow.Ended(); },
                      absl::Seconds(30)));
}

TEST_F(Connections, ThoseThatSpeakSomethingElseAreClosed) {
  Start({.peak_megabytes = 120, .cpu_seconds = 4});
  const std::string tls_hello("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11);
  for (const std::string& hello :
       {tls_hello, std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), std::string(5000, 'x'),
        std::string(5000, '\0'), std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r!"),
        http2::Preface() + std::string(100, '\xff')}) {
    Peer peer = Connect();
    peer.Send(hello);
    EXPECT_TRUE(peer.AwaitEnd()) << absl::StrCat(absl::Hex(hello[0]));
  }
  EXPECT_TRUE(cluster_.master().AwaitLog("what it sends is not HTTP/2 without TLS"));
}

TEST_F(Connections, TenThousandIdleOnesLeaveTheOthersTheirPlace) {
  if (IsInstrumented()) GTEST_SKIP() << "ten thousand connections take AddressSanitizer minutes";
  const int count = std::min(10'000, RaiseDescriptorLimit() - kOwnDescriptors);
  ASSERT_GT(count, 5'000);
  Start({.peak_megabytes = 250, .cpu_seconds = 15});
  std::vector<Peer> idle;
  for (int i = 0; i < count; ++i) {
    idle.push_back(Connect());
    idle.back().Send(http2::Preface() + http2::Settings() +
                     http2::Frame(http2::kSettings, http2::kAck, 0, ""));
  }
  EXPECT_TRUE(WaitFor([&] { return CountOpen(idle) <= 4096; }));
  EXPECT_GT(CountOpen(idle), 4000);
  EXPECT_TRUE(cluster_.master().AwaitLog(
      "refused a connection: 4096 are open already, the limit of --max-connections"));
  other_caller().ExpectToGoOn();
  idle.clear();
  // A new one finds a place as soon as there is one.
  EXPECT_TRUE(WaitFor([&] { return Connect().Greet(); }));
}

TEST_F(Connections, TheMasterGoesOnWhenItHasNoDescriptorsLeft) {
  Start({.peak_megabytes = 120, .cpu_seconds = 6});
  // None for connections; and none at all.
  for (const rlim_t limit : {rlim_t{129}, rlim_t{10}}) {
    SetDescriptorLimit(cluster_.master().pid(), limit);
    std::vector<Peer> peers;
    for (int i = 0; i < 100; ++i) peers.push_back(Connect());
    other_caller().ExpectToGoOn();
    const int64_t batch = SubmitBatch(cluster_.client(), {EchoTask()});
    EXPECT_GT(batch, 0);
    SetDescriptorLimit(cluster_.master().pid(), 1000);
    EXPECT_TRUE(WaitFor([&] { return Connect().Greet(); }));
  }
  EXPECT_THAT(cluster_.master().Log(), testing::HasSubstr("refused a connection"));
}

TEST(Descriptors, WithFewOfThemTheMasterSaysSoAndMakesDo) {
  TempDir dir;
  const auto start = [&](int limit) {
    return Process("/bin/sh",
                   {"-c", absl::StrCat("ulimit -n ", limit, " && exec ", BinPath("master"),
                                       " --listen 127.0.0.1:0 --data-dir ", dir.path(), "/data")});
  };
  Process few = start(200);
  EXPECT_TRUE(few.AwaitLog("listening on")) << few.Log();
  EXPECT_THAT(few.Log(), testing::HasSubstr("only 200 files may be open (ulimit -n): at most 72 "
                                            "connections, not 4096 (--max-connections)"));
  few.Kill(SIGTERM);
  EXPECT_EQ(few.Wait(), ProcessEnd{});
  Process none = start(100);
  EXPECT_EQ(none.Wait(), ProcessEnd{.code = 1});
  EXPECT_THAT(none.Log(), testing::HasSubstr("only 100 files may be open (ulimit -n)"));
}

}  // namespace
}  // namespace tarea
