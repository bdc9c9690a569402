#include "master/acceptor.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::HasSubstr;

// A socket that is connected to this port, or -1.
int Connect(int family, int port) {
  const int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 ipv6 = {};
  sockaddr_in ipv4 = {};
  ipv6.sin6_family = AF_INET6;
  ipv6.sin6_addr = in6addr_loopback;
  ipv4.sin_family = AF_INET;
  ipv4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ipv4.sin_port = ipv6.sin6_port = htons(static_cast<uint16_t>(port));
  const bool done = family == AF_INET
                        ? connect(fd, reinterpret_cast<const sockaddr*>(&ipv4), sizeof(ipv4)) == 0
                        : connect(fd, reinterpret_cast<const sockaddr*>(&ipv6), sizeof(ipv6)) == 0;
  if (done) return fd;
  close(fd);
  return -1;
}

// What an acceptor has handed out.
class Taken {
 public:
  ~Taken() {
    for (const int fd : fds_) close(fd);
  }
  std::function<void(int)> Taker() {
    return [this](int fd) {
      absl::MutexLock lock(&mu_);
      fds_.push_back(fd);
    };
  }
  void Await(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto enough = [&] { return fds_.size() >= count; };
    EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30)));
  }
  std::vector<int> fds() {
    absl::MutexLock lock(&mu_);
    return fds_;
  }

 private:
  absl::Mutex mu_;
  std::vector<int> fds_;
};

TEST(Acceptor, HandsOutConnectionsWithNumbersOfTheirOwnUpToTheLimit) {
  MonotonicClock clock;
  auto acceptor = Acceptor::Listen("127.0.0.1:0", 2, &clock);
  ASSERT_TRUE(acceptor.ok()) << acceptor.status();
  Taken taken;
  (*acceptor)->Start(taken.Taker());
  const int first = Connect(AF_INET, (*acceptor)->port());
  const int second = Connect(AF_INET, (*acceptor)->port());
  taken.Await(2);
  for (const int fd : taken.fds()) EXPECT_GE(fd, Acceptor::kFirst);
  const int third = Connect(AF_INET, (*acceptor)->port());
  char byte = 0;
  EXPECT_LE(recv(third, &byte, 1, 0), 0);  // closed, or reset
  EXPECT_EQ(taken.fds().size(), 2);
  for (const int fd : {first, second, third}) close(fd);
}

TEST(Acceptor, ListensOnEachAddressOfAName) {
  MonotonicClock clock;
  auto acceptor = Acceptor::Listen("localhost:0", 10, &clock);
  ASSERT_TRUE(acceptor.ok()) << acceptor.status();
  const int ipv4 = Connect(AF_INET, (*acceptor)->port());
  EXPECT_GE(ipv4, 0);
  close(ipv4);
}

TEST(Acceptor, APortThatIsTakenIsRefused) {
  MonotonicClock clock;
  auto first = Acceptor::Listen("127.0.0.1:0", 10, &clock);
  ASSERT_TRUE(first.ok()) << first.status();
  const std::string address = absl::StrCat("127.0.0.1:", (*first)->port());
  EXPECT_THAT(Acceptor::Listen(address, 10, &clock).status().message(),
              HasSubstr(absl::StrCat("cannot listen on ", address, ": Address already in use")));
  first->reset();
  EXPECT_TRUE(Acceptor::Listen(address, 10, &clock).ok());
}

TEST(Acceptor, TakesOverTheSocketFileOfOneThatWasKilledButNotOfOneThatRuns) {
  TempDir dir;
  MonotonicClock clock;
  const std::string path = dir.path() + "/socket";
  auto first = Acceptor::Listen("unix:" + path, 10, &clock);
  ASSERT_TRUE(first.ok()) << first.status();
  EXPECT_FALSE(Acceptor::Listen("unix:" + path, 10, &clock).ok());
  first->reset();
  struct stat file = {};
  EXPECT_NE(stat(path.c_str(), &file), 0);
  // As a killed one leaves it.
  const int dead = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address = {};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  ASSERT_EQ(bind(dead, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
  close(dead);
  EXPECT_TRUE(Acceptor::Listen("unix:" + path, 10, &clock).ok());
}

}  // namespace
}  // namespace tarea
