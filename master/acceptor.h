#ifndef TAREA_MASTER_ACCEPTOR_H_
#define TAREA_MASTER_ACCEPTOR_H_

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/clock.h"
#include "master/connection_guard.h"

namespace tarea {

// Listens, and hands out the connections that come in, up to a limit.
//
// gRPC 1.51 can listen by itself, but has no limit, and stops listening for good after the first
// accept(2) that fails for want of a descriptor. Here the connections have numbers of their own
// from kFirst up. The kernel gives the lowest that is free, so the number of a new one says whether
// there are too many, and those below kFirst are always left for the store.
//
// Thread-safe. Owns a thread.
class Acceptor {
 public:
  static constexpr int kFirst = 128;
  static constexpr int kMostConnections = kMaxGuardedDescriptor + 1 - kFirst;

  // Listens on "host:port" (port 0: any that is free; all addresses of a name) or "unix:path". Of
  // the process's limit of descriptors it makes use as far as it needs to; if the hard limit leaves
  // fewer than `max_connections`, it says so in the log and makes do. `max_connections` is 1 to
  // kMostConnections; `clock` must outlive it.
  //   UNAVAILABLE          the address is in use, or not one of this machine
  //   FAILED_PRECONDITION  there are too few descriptors for even one connection
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(const std::string& address,
                                                          int max_connections, Clock* clock);
  ~Acceptor();

  // The port it listens on; 0 for a Unix socket.
  int port() const { return port_; }

  // Starts to accept. `take` becomes the owner of the descriptor, which does not block; it is
  // called on the acceptor's thread. Call it once.
  void Start(std::function<void(int fd)> take);

  // Listens no more; `take` is not called any more. Idempotent.
  void Stop();

 private:
  Acceptor(int max_connections, Clock* clock);

  absl::Status Open(const std::string& address);
  absl::Status OpenUnix(const std::string& path);
  absl::Status SetDescriptorLimit();
  void Run();
  // Accepts what there is. False: it has to wait for something other than a connection.
  bool AcceptAll(int listener);
  void Take(int accepted);
  void Tell(const std::string& what);
  void Close();

  int max_connections_;
  Clock* const clock_;
  int port_ = 0;
  std::string unix_path_;
  std::vector<int> listeners_;
  int wake_ = -1;  // an eventfd: Stop was called
  std::function<void(int fd)> take_;
  std::thread thread_;
  // Of the thread: one line of log in a while, however many are refused.
  absl::Time last_told_ = absl::InfinitePast();
  int not_told_ = 0;
};

}  // namespace tarea

#endif  // TAREA_MASTER_ACCEPTOR_H_
