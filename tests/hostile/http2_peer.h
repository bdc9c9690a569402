#ifndef TAREA_TESTS_HOSTILE_HTTP2_PEER_H_
#define TAREA_TESTS_HOSTILE_HTTP2_PEER_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

// Speaks HTTP/2 as no library would: whatever bytes a test wants, in frames or not.
namespace tarea::http2 {

enum FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kResetStream = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9,
};

inline constexpr uint8_t kNoFlags = 0;
inline constexpr uint8_t kAck = 0x1;        // of SETTINGS and PING
inline constexpr uint8_t kEndStream = 0x1;  // of DATA and HEADERS
inline constexpr uint8_t kEndHeaders = 0x4;

// A setting: how much of a stream may be sent before the other side asks for more.
inline constexpr uint16_t kInitialWindowSize = 4;

// What a connection begins with.
std::string Preface();

// One frame; its payload is at most 2^24 - 1 bytes.
std::string Frame(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload);

// SETTINGS with these (identifier, value); WINDOW_UPDATE; RST_STREAM with CANCEL.
std::string Settings(const std::vector<std::pair<uint16_t, uint32_t>>& values = {});
std::string WindowUpdate(uint32_t stream, uint32_t bytes);
std::string Reset(uint32_t stream);

// A field of a header, as HPACK has it, without compression and without an index.
std::string Field(absl::string_view name, absl::string_view value);

// The header of a call of TaskService: its HPACK, and as a frame.
std::string CallFields(absl::string_view method);
std::string CallHeaders(uint32_t stream, absl::string_view method);

// A message as gRPC sends it: five bytes before it. `length` is what they say of its length.
std::string Message(absl::string_view bytes);
std::string Message(absl::string_view bytes, uint32_t length, bool compressed);

// Bytes of a stream in frames of a size that is always allowed; the last ends the stream if
// `flags` says so.
std::string Data(uint32_t stream, absl::string_view bytes, uint8_t flags = kEndStream);

// A whole call with one message.
std::string Call(uint32_t stream, absl::string_view method, absl::string_view message);

// A TCP connection to a port of this machine. Not thread-safe.
class Peer {
 public:
  // Longer than anything that passes takes.
  static constexpr absl::Duration kPatience = absl::Seconds(60);

  // One that cannot connect is not open().
  explicit Peer(int port);
  ~Peer();
  Peer(Peer&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}  // one that just connected
  Peer& operator=(Peer&&) = delete;

  bool open() const { return fd_ >= 0; }

  // Sends all of it. False if the other side has ended the connection, or takes nothing for long.
  // What it sends meanwhile is read and dropped, as a caller would who does not care.
  bool Send(absl::string_view bytes);

  // Sends a call with one message as the server's flow control allows, which Send does not mind.
  // False as above.
  bool SendCall(uint32_t stream, absl::string_view header_frame, absl::string_view message);

  // The beginning of a connection that is in order: preface, settings, the acknowledgement of those
  // of the server.
  bool Greet(const std::vector<std::pair<uint16_t, uint32_t>>& settings = {});

  // Reads until what came since the last such call holds `text`. False if the connection ends
  // before, or after kPatience.
  bool AwaitText(absl::string_view text);

  // Reads until the other side ends the connection. False if it does not.
  bool AwaitEnd(absl::Duration timeout = kPatience);

  // Without waiting: whether the other side has ended it.
  bool Ended();

 private:
  // Reads what there is. False: the connection has ended.
  bool Read();
  // Takes what there is about flow control from whole frames.
  void ReadFrames();
  // Waits for something to read, or to write if asked for, a moment at most.
  void Await(bool write);

  int fd_ = -1;
  std::string received_;
  std::string frame_;                   // what is there of the one that is being read
  int64_t first_window_ = 65535;        // of each stream
  int64_t window_ = 65535;              // of the connection
  std::map<uint32_t, int64_t> opened_;  // of streams, beyond the first
};

}  // namespace tarea::http2

#endif  // TAREA_TESTS_HOSTILE_HTTP2_PEER_H_
