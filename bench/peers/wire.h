#ifndef TAREA_BENCH_PEERS_WIRE_H_
#define TAREA_BENCH_PEERS_WIRE_H_

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace tarea::peers {

// A TCP connection to a server on this machine for protocols that are spoken directly. Requests are
// gathered with Add and sent together by Flush; what has arrived is looked at in place. Not for use
// by several threads.
class Wire {
 public:
  explicit Wire(int port);
  ~Wire();
  Wire(const Wire&) = delete;
  Wire& operator=(const Wire&) = delete;

  // From now on lets replies gather for this long before it waits for more: a server that sends
  // each reply on its own would otherwise wake this process for each, and both would be slower.
  void GatherFor(std::chrono::microseconds pause) { pause_ = pause; }

  void Add(std::string_view bytes) { out_.append(bytes); }
  // Sends all that was added. Blocks while the server does not read, so replies to what is under
  // way must fit into the buffers of the socket.
  void Flush();

  // At least this many bytes that have not been consumed yet; waits for them. Valid until the next
  // call of Peek or Line.
  std::string_view Peek(std::size_t size);
  void Consume(std::size_t size) { begin_ += size; }
  // What has arrived already and was not consumed, in bytes.
  std::size_t Available() const { return end_ - begin_; }
  // False if nothing has arrived, or does within this time.
  bool AwaitBytes(std::chrono::milliseconds timeout);
  // Waits for a line, consumes it and returns it without its CR LF.
  std::string_view Line();

 private:
  void Fill();

  int fd_;
  std::chrono::microseconds pause_{0};
  std::string out_;
  std::string in_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tarea::peers

#endif  // TAREA_BENCH_PEERS_WIRE_H_
