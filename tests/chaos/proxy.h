#ifndef TAREA_TESTS_CHAOS_PROXY_H_
#define TAREA_TESTS_CHAOS_PROXY_H_

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "tests/chaos/relay.h"

namespace tarea {

// An address of this machine.
struct LoopbackAddress {
  uint32_t host = 0;  // 127.x.y.z, as a number
  int port = 0;

  std::string ToString() const;
};

// One that is this process's alone, so that nobody takes the port while its program is away.
LoopbackAddress PickAddress();

// The network between the master and everybody else: TCP links that can be made as bad as real
// ones.
//
//     Proxy proxy(PickAddress());  // where the master will listen
//     const int link = proxy.AddLink();
//     connect to proxy.address(link) ...
//     proxy.SetQuality(link, {.to_master = {.blocked = true}});  // one-way loss
//     proxy.SetQuality(link, {});
//
// One thread moves all bytes. Thread-safe.
class Proxy {
 public:
  // Relays to this address of the loopback interface, whether or not somebody listens there.
  explicit Proxy(const LoopbackAddress& target);
  ~Proxy();
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;

  // A new link, on a port of its own that the kernel picks. Answers its number, from 0.
  int AddLink();
  // Where to connect to.
  std::string address(int link) const;

  // From now on, for connections that there are and that come.
  void SetQuality(int link, const LinkQuality& quality);

  // Both ends of all connections of the link get a RST.
  void Reset(int link);

  // The master's end of all connections of the link is closed; the other end is not told, and what
  // it sends goes nowhere.
  void LeaveHalfOpen(int link);

 private:
  struct Link {
    int listener = -1;
    LoopbackAddress address = {};
    LinkQuality quality = {};
    std::list<std::unique_ptr<Relay>> relays = {};
  };

  void Run();
  void Turn() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Accept(Link& link);
  void Wake() const;

  const LoopbackAddress target_;
  int wake_[2] = {-1, -1};
  mutable absl::Mutex mu_;
  std::vector<std::unique_ptr<Link>> links_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_PROXY_H_
