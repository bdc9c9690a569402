#include "tests/hostile/http2_peer.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace tarea::http2 {
namespace {

// The greatest frame that need not be asked for.
constexpr size_t kFrameBytes = 16384;

std::string BigEndian(uint64_t value, int bytes) {
  std::string text;
  for (int shift = 8 * (bytes - 1); shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(value >> shift & 0xFF));
  }
  return text;
}

// An HPACK string, as it is (RFC 7541, sections 5.1 and 5.2).
std::string Literal(absl::string_view text) {
  constexpr size_t kPrefix = 127;
  std::string length;
  if (text.size() < kPrefix) {
    length.push_back(static_cast<char>(text.size()));
  } else {
    length.push_back(static_cast<char>(kPrefix));
    size_t rest = text.size() - kPrefix;
    for (; rest >= 128; rest /= 128) length.push_back(static_cast<char>(rest % 128 + 128));
    length.push_back(static_cast<char>(rest));
  }
  return absl::StrCat(length, text);
}

}  // namespace

std::string Preface() { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"; }

std::string Frame(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  return absl::StrCat(BigEndian(payload.size(), 3), BigEndian(type, 1), BigEndian(flags, 1),
                      BigEndian(stream, 4), payload);
}

std::string Settings(const std::vector<std::pair<uint16_t, uint32_t>>& values) {
  std::string payload;
  for (const auto& [id, value] : values) {
    absl::StrAppend(&payload, BigEndian(id, 2), BigEndian(value, 4));
  }
  return Frame(kSettings, kNoFlags, 0, payload);
}

std::string WindowUpdate(uint32_t stream, uint32_t bytes) {
  return Frame(kWindowUpdate, kNoFlags, stream, BigEndian(bytes, 4));
}

std::string Reset(uint32_t stream) {
  constexpr uint32_t kCancel = 8;
  return Frame(kResetStream, kNoFlags, stream, BigEndian(kCancel, 4));
}

std::string Field(absl::string_view name, absl::string_view value) {
  return absl::StrCat(std::string(1, '\0'), Literal(name), Literal(value));
}

std::string CallFields(absl::string_view method) {
  return absl::StrCat(Field(":method", "POST"), Field(":scheme", "http"),
                      Field(":path", absl::StrCat("/tarea.v1.TaskService/", method)),
                      Field(":authority", "localhost"), Field("content-type", "application/grpc"),
                      Field("te", "trailers"));
}

std::string CallHeaders(uint32_t stream, absl::string_view method) {
  return Frame(kHeaders, kEndHeaders, stream, CallFields(method));
}

std::string Message(absl::string_view bytes) {
  return Message(bytes, static_cast<uint32_t>(bytes.size()), false);
}

std::string Message(absl::string_view bytes, uint32_t length, bool compressed) {
  return absl::StrCat(BigEndian(compressed ? 1 : 0, 1), BigEndian(length, 4), bytes);
}

std::string Data(uint32_t stream, absl::string_view bytes, uint8_t flags) {
  std::string frames;
  do {
    const absl::string_view part = bytes.substr(0, kFrameBytes);
    bytes.remove_prefix(part.size());
    absl::StrAppend(&frames, Frame(kData, bytes.empty() ? flags : kNoFlags, stream, part));
  } while (!bytes.empty());
  return frames;
}

std::string Call(uint32_t stream, absl::string_view method, absl::string_view message) {
  return absl::StrCat(CallHeaders(stream, method), Data(stream, Message(message)));
}

Peer::Peer(int port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd_ < 0) return;
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  if (connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) != 0 ||
      fcntl(fd_, F_SETFL, O_NONBLOCK) != 0) {
    close(fd_);
    fd_ = -1;
  }
}

Peer::~Peer() {
  if (fd_ >= 0) close(fd_);
}

bool Peer::Send(absl::string_view bytes) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (!bytes.empty()) {
    const ssize_t sent = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      bytes.remove_prefix(static_cast<size_t>(sent));
      continue;
    }
    if (errno != EAGAIN || absl::Now() > deadline || !Read()) return false;
    Await(true);
  }
  return true;
}

bool Peer::SendCall(uint32_t stream, absl::string_view header_frame, absl::string_view message) {
  if (!Send(header_frame)) return false;
  const absl::Time deadline = absl::Now() + kPatience;
  while (!message.empty()) {
    if (absl::Now() > deadline || !Read()) return false;
    const int64_t window = std::min(window_, first_window_ + opened_[stream]);
    if (window <= 0) {
      Await(false);
      continue;
    }
    const absl::string_view part =
        message.substr(0, std::min(static_cast<size_t>(window), kFrameBytes));
    message.remove_prefix(part.size());
    window_ -= static_cast<int64_t>(part.size());
    opened_[stream] -= static_cast<int64_t>(part.size());
    if (!Send(Frame(kData, message.empty() ? kEndStream : kNoFlags, stream, part))) return false;
  }
  return true;
}

bool Peer::Greet(const std::vector<std::pair<uint16_t, uint32_t>>& settings) {
  return open() && Send(absl::StrCat(Preface(), Settings(settings))) &&
         // The server's are the first that it sends.
         AwaitText(BigEndian(kSettings, 1)) && Send(Frame(kSettings, kAck, 0, ""));
}

bool Peer::AwaitText(absl::string_view text) {
  const absl::Time deadline = absl::Now() + kPatience;
  while (absl::Now() < deadline) {
    const bool going_on = Read();
    if (absl::StrContains(received_, text)) {
      received_.clear();
      return true;
    }
    if (!going_on) return false;
    Await(false);
  }
  return false;
}

bool Peer::AwaitEnd(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (Read()) {
    if (absl::Now() > deadline) return false;
    Await(false);
  }
  return true;
}

bool Peer::Ended() { return !Read(); }

void Peer::Await(bool write) {
  const int events = write ? POLLIN | POLLOUT : POLLIN;
  pollfd ready = {.fd = fd_, .events = static_cast<short>(events), .revents = 0};
  poll(&ready, 1, 100);
}

bool Peer::Read() {
  std::array<char, 65536> buffer;
  while (true) {
    const ssize_t size = recv(fd_, buffer.data(), buffer.size(), 0);
    if (size < 0) return errno == EAGAIN;
    if (size == 0) return false;
    received_.append(buffer.data(), static_cast<size_t>(size));
    frame_.append(buffer.data(), static_cast<size_t>(size));
    ReadFrames();
  }
}

void Peer::ReadFrames() {
  constexpr size_t kHead = 9;
  const auto number = [](absl::string_view bytes) {
    uint32_t value = 0;
    for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
    return value;
  };
  absl::string_view rest = frame_;
  while (rest.size() >= kHead && rest.size() >= kHead + number(rest.substr(0, 3))) {
    absl::string_view payload = rest.substr(kHead, number(rest.substr(0, 3)));
    const uint32_t stream = number(rest.substr(5, 4));
    if (rest[3] == kWindowUpdate) {
      (stream == 0 ? window_ : opened_[stream]) += number(payload);
    } else if (rest[3] == kSettings) {
      for (; payload.size() >= 6; payload.remove_prefix(6)) {
        if (number(payload.substr(0, 2)) == kInitialWindowSize) {
          first_window_ = number(payload.substr(2, 4));
        }
      }
    }
    rest.remove_prefix(kHead + number(rest.substr(0, 3)));
  }
  frame_ = std::string(rest);
}

}  // namespace tarea::http2
