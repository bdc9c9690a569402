#ifndef TAREA_WORKER_HANDLERS_ORDERS_H_
#define TAREA_WORKER_HANDLERS_ORDERS_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "worker/handlers/process_limits.h"
#include "worker/handlers/process_user.h"
#include "worker/handlers/unique_fd.h"

// What a worker tells a guardian to run. Through their SOCK_SEQPACKET socket go an OrdersHeader,
// the descriptors of the command and the beginning of the text in one packet, and what is left of
// the text in as many more as it takes.
namespace tarea {

struct OrdersHeader {
  // The text is strings, each with a NUL at its end: paths of programs to try in this order, the
  // directory if there is one, the arguments, the environment.
  uint32_t text_bytes = 0;
  uint32_t programs = 0;
  uint32_t directories = 0;  // 0, to stay where the guardian is, or 1
  uint32_t arguments = 0;
  uint32_t variables = 0;
  // The command's streams, in this order: stdout, stderr, and those that are there of these.
  uint32_t has_progress = 0;  // a descriptor 3
  uint32_t has_stdin = 0;     // else it is empty
  int64_t kill_after_ms = 0;
  ProcessLimits limits;
  ProcessUser user;
};

struct OrdersFds {
  int out = -1;
  int err = -1;
  int progress = -1;  // -1: none; as of the next
  int in = -1;
};

// Sends orders; fills in what the header says of `text` and `fds`. Blocks while the socket is full.
// False and errno if they were not sent; then nothing is run of them.
bool SendOrders(int control_fd, OrdersHeader header, const std::string& text, const OrdersFds& fds);

// The guardian's side. Async-signal-safe: has memory of its own instead of malloc's.
class ReceivedOrders {
 public:
  ReceivedOrders() = default;
  ReceivedOrders(const ReceivedOrders&) = delete;
  ReceivedOrders& operator=(const ReceivedOrders&) = delete;

  // Waits for orders, and ignores stops meanwhile. False if the worker is gone, if there is no
  // memory, or if what came are no orders.
  bool Receive(int control_fd);

  // Closes the descriptors, which the worker waits for, and gives back memory beyond the usual.
  void Clear();

  // Valid until the next Receive. Each ends with nullptr.
  char* const* programs() const { return pointers_; }
  const char* directory() const;  // nullptr: none
  char* const* argv() const;
  char* const* envp() const;
  // Streams of the command; not valid if there is none.
  const UniqueFd& out() const { return fds_[0]; }
  const UniqueFd& err() const { return fds_[1]; }
  const UniqueFd& progress() const { return fds_[2]; }
  const UniqueFd& in() const { return fds_[3]; }
  int64_t kill_after_ms() const { return header_.kill_after_ms; }
  const ProcessLimits& limits() const { return header_.limits; }
  const ProcessUser& user() const { return header_.user; }

 private:
  bool ReceiveFirst(int control_fd, size_t& received);
  bool TakeFds(const int* fds, size_t count);
  bool IsSound(size_t received) const;
  size_t PointerCount() const;
  bool Reserve(size_t bytes);
  bool MakePointers();

  OrdersHeader header_;
  UniqueFd fds_[4];
  char* memory_ = nullptr;  // the text, then the pointers
  size_t capacity_ = 0;
  char** pointers_ = nullptr;
};

}  // namespace tarea

#endif  // TAREA_WORKER_HANDLERS_ORDERS_H_
