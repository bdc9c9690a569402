// What the harness is made of: a proxy that lost nothing, or a figure that was always flat, would
// let everything pass.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tests/chaos/proxy.h"
#include "tests/chaos/schedule.h"
#include "tests/chaos/usage.h"

namespace tarea {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(30);
// Long enough to see that something does not come; a good one never fails for that.
constexpr absl::Duration kAWhile = absl::Milliseconds(150);

sockaddr_in ToSocketAddress(const std::string& address) {
  sockaddr_in result = {};
  result.sin_family = AF_INET;
  const size_t colon = address.find(':');
  int port = 0;
  if (!absl::SimpleAtoi(address.substr(colon + 1), &port)) abort();
  result.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, address.substr(0, colon).c_str(), &result.sin_addr);
  return result;
}

// What arrives on a socket within `timeout`: "" for nothing, "end", "reset", or the bytes.
std::string Arrives(int fd, absl::Duration timeout = kPatience) {
  pollfd waiting = {fd, POLLIN, 0};
  if (poll(&waiting, 1, static_cast<int>(absl::ToInt64Milliseconds(timeout))) == 0) return "";
  char bytes[256];
  const ssize_t size = recv(fd, bytes, sizeof(bytes), 0);
  if (size < 0) return errno == ECONNRESET ? "reset" : "error";
  return size == 0 ? "end" : std::string(bytes, static_cast<size_t>(size));
}

void Say(int fd, const std::string& text) {
  ASSERT_EQ(send(fd, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

// A link, and one connection through it.
class Link : public testing::Test {
 protected:
  Link() : target_(PickAddress()), proxy_(target_) {
    const sockaddr_in here = ToSocketAddress(target_.ToString());
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int on = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(listener_, reinterpret_cast<const sockaddr*>(&here), sizeof(here)) != 0) abort();
    if (listen(listener_, 8) != 0) abort();
    link_ = proxy_.AddLink();
    const sockaddr_in there = ToSocketAddress(proxy_.address(link_));
    client_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (connect(client_, reinterpret_cast<const sockaddr*>(&there), sizeof(there)) != 0) abort();
    master_ = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (master_ < 0) abort();
  }
  ~Link() override {
    for (const int fd : {listener_, client_, master_}) close(fd);
  }

  const LoopbackAddress target_;
  Proxy proxy_;
  int link_ = 0;
  int listener_ = -1;
  int client_ = -1;
  int master_ = -1;
};

TEST_F(Link, PassesBytesBothWaysAndTheEnd) {
  Say(client_, "question");
  EXPECT_EQ(Arrives(master_), "question");
  Say(master_, "answer");
  EXPECT_EQ(Arrives(client_), "answer");
  shutdown(client_, SHUT_WR);
  EXPECT_EQ(Arrives(master_), "end");
  Say(master_, "last words");
  EXPECT_EQ(Arrives(client_), "last words");
}

TEST_F(Link, ThatIsBlockedInOneDirectionDeliversLater) {
  proxy_.SetQuality(link_, {.to_master = {.blocked = true}, .from_master = {}});
  Say(client_, "question");
  Say(master_, "news");
  EXPECT_EQ(Arrives(client_), "news");
  EXPECT_EQ(Arrives(master_, kAWhile), "");
  proxy_.SetQuality(link_, {});
  EXPECT_EQ(Arrives(master_), "question");
}

TEST_F(Link, ThatIsSlowDeliversByteByByte) {
  proxy_.SetQuality(link_, {.to_master = {}, .from_master = {.bytes_per_second = 20}});
  const absl::Time begin = absl::Now();
  Say(master_, "abc");
  for (const char* byte : {"a", "b", "c"}) EXPECT_EQ(Arrives(client_), byte);
  EXPECT_GE(absl::Now() - begin, absl::Milliseconds(100));
}

TEST_F(Link, ThatIsDelayedDeliversLater) {
  proxy_.SetQuality(link_, {.to_master = {.delay = kAWhile}, .from_master = {}});
  const absl::Time begin = absl::Now();
  Say(client_, "question");
  EXPECT_EQ(Arrives(master_), "question");
  EXPECT_GE(absl::Now() - begin, kAWhile);
}

TEST_F(Link, ThatIsResetIsSoAtBothEnds) {
  proxy_.Reset(link_);
  EXPECT_EQ(Arrives(client_), "reset");
  EXPECT_EQ(Arrives(master_), "reset");
}

TEST_F(Link, ThatIsHalfOpenTellsOnlyTheMaster) {
  proxy_.LeaveHalfOpen(link_);
  EXPECT_EQ(Arrives(master_), "reset");
  Say(client_, "is anybody there?");
  EXPECT_EQ(Arrives(client_, kAWhile), "");
}

TEST(Schedule, IsThatOfItsSeed) {
  ChaosOptions options{.seed = 7, .duration = absl::Minutes(10)};
  const auto show = [](const ChaosOptions& of) {
    std::vector<std::string> lines;
    for (const Fault& fault : MakeSchedule(of)) lines.push_back(fault.ToString());
    return lines;
  };
  const std::vector<std::string> first = show(options);
  EXPECT_EQ(show(options), first);
  options.seed = 8;
  EXPECT_NE(show(options), first);
}

TEST(Schedule, HasEveryKindOfFaultInAMinute) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    std::vector<std::string> seen;
    for (const Fault& fault : MakeSchedule({.seed = seed, .duration = absl::Minutes(1)})) {
      seen.emplace_back(Name(fault.kind));
      EXPECT_LT(fault.at + fault.length, absl::Minutes(1));
    }
    for (int kind = 0; kind <= static_cast<int>(FaultKind::kPartition); ++kind) {
      EXPECT_THAT(seen, testing::Contains(Name(static_cast<FaultKind>(kind)))) << "seed " << seed;
    }
  }
}

TEST(Schedule, OfASoakLeavesTheMasterAlive) {
  for (const Fault& fault :
       MakeSchedule({.seed = 7, .duration = absl::Minutes(10), .soak = true})) {
    EXPECT_THAT(Name(fault.kind),
                testing::Not(testing::AnyOf("kill master", "restart master", "EIO on a write",
                                            "EIO on a sync", "kill master before a sync",
                                            "kill master after a sync")));
  }
}

TEST(Series, ThatGrowsIsNotFlat) {
  Series flat("flat", 1.1, 8);
  Series growing("growing", 1.1, 8);
  for (int i = 0; i < 100; ++i) {
    // A peak in the end is no growth.
    flat.Add(i == 99 ? 10'000 : 1000 + i % 10);
    growing.Add(1000 + 3 * i);
  }
  EXPECT_TRUE(flat.IsFlat()) << flat.ToString();
  EXPECT_FALSE(growing.IsFlat()) << growing.ToString();
  EXPECT_EQ(growing.ToString(),
            "growing: 1036 in the first quarter, 1261 in the last (peak 1297) NOT FLAT");
}

TEST(Usage, OfThisProcessIsSomething) {
  const Usage usage = UsageOf(getpid());
  EXPECT_GT(usage.rss_bytes, 1 << 20);
  EXPECT_GE(usage.threads, 1);
  EXPECT_GE(usage.descriptors, 3);
}

}  // namespace
}  // namespace tarea
