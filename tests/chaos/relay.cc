#include "tests/chaos/relay.h"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tarea {
namespace {

constexpr size_t kMostBuffered = size_t{256} << 10;
constexpr size_t kReadBytes = size_t{64} << 10;
// How often blocked and slow directions are looked at.
constexpr absl::Duration kTick = absl::Milliseconds(20);

void Abort(int fd) {
  const linger now = {.l_onoff = 1, .l_linger = 0};
  setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
}

}  // namespace

Relay::~Relay() { Close(); }

void Relay::Close() {
  if (to_master_.from >= 0) close(to_master_.from);
  if (to_master_.to >= 0) close(to_master_.to);
  to_master_.from = to_master_.to = from_master_.from = from_master_.to = -1;
}

void Relay::Reset() {
  if (to_master_.from >= 0) Abort(to_master_.from);
  if (to_master_.to >= 0) Abort(to_master_.to);
  Close();
}

void Relay::LeaveHalfOpen() {
  if (half_open_ || to_master_.to < 0) return;
  half_open_ = true;
  Abort(to_master_.to);
  close(to_master_.to);
  to_master_.to = from_master_.from = -1;
}

// When the first piece may go on.
absl::Time Relay::NextDue(const Direction& direction, const DirectionQuality& quality) {
  if (quality.blocked || direction.to < 0) return absl::InfiniteFuture();
  if (direction.pieces.empty()) {
    return direction.ended && !direction.closed ? absl::InfinitePast() : absl::InfiniteFuture();
  }
  const absl::Time due = direction.pieces.front().sent + quality.delay;
  return quality.bytes_per_second == 0 ? due : std::max(due, direction.free_at);
}

absl::Duration Relay::Prepare(const LinkQuality& quality, absl::Time now,
                              std::vector<pollfd>& fds) {
  absl::Duration wait = absl::InfiniteDuration();
  for (auto [direction, its] : {std::pair{&to_master_, &quality.to_master},
                                std::pair{&from_master_, &quality.from_master}}) {
    if (direction->from >= 0 && !direction->ended && direction->buffered < kMostBuffered) {
      fds.push_back({direction->from, POLLIN, 0});
    }
    const absl::Time due = NextDue(*direction, *its);
    if (due <= now) {
      fds.push_back({direction->to, POLLOUT, 0});
    } else if (due != absl::InfiniteFuture()) {
      wait = std::min(wait, std::max(due - now, absl::Milliseconds(1)));
    } else if (its->blocked) {
      wait = std::min(wait, kTick);
    }
  }
  return wait;
}

bool Relay::Receive(Direction& direction, absl::Time now) const {
  while (direction.from >= 0 && !direction.ended && direction.buffered < kMostBuffered) {
    std::string bytes(kReadBytes, '\0');
    const ssize_t size = recv(direction.from, bytes.data(), bytes.size(), MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR || errno == ENOTCONN)) return true;
    if (size < 0) return false;
    if (size == 0) {
      direction.ended = true;
      return true;
    }
    if (half_open_) continue;  // goes nowhere
    bytes.resize(static_cast<size_t>(size));
    direction.buffered += bytes.size();
    direction.pieces.push_back({now, std::move(bytes)});
  }
  return true;
}

bool Relay::Send(Direction& direction, const DirectionQuality& quality, absl::Time now) {
  while (NextDue(direction, quality) <= now) {
    if (direction.pieces.empty()) {
      shutdown(direction.to, SHUT_WR);
      direction.closed = true;
      return true;
    }
    std::string& bytes = direction.pieces.front().bytes;
    const size_t most = quality.bytes_per_second == 0 ? bytes.size() : 1;
    const ssize_t size = send(direction.to, bytes.data(), most, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (size < 0) return errno == EAGAIN || errno == EINTR || errno == ENOTCONN;
    direction.buffered -= static_cast<size_t>(size);
    bytes.erase(0, static_cast<size_t>(size));
    if (bytes.empty()) direction.pieces.pop_front();
    if (quality.bytes_per_second != 0) {
      direction.free_at = now + absl::Seconds(1) / quality.bytes_per_second;
    }
  }
  return true;
}

bool Relay::Move(const LinkQuality& quality, absl::Time now) {
  if (to_master_.from < 0) return false;
  const bool alive = Receive(to_master_, now) && (half_open_ || Receive(from_master_, now)) &&
                     (half_open_ || Send(to_master_, quality.to_master, now)) &&
                     (half_open_ || Send(from_master_, quality.from_master, now));
  if (!alive) {
    Reset();  // whichever end is still there learns of it as it would of a dead host
    return false;
  }
  if (half_open_) return !to_master_.ended;
  return !(to_master_.closed && from_master_.closed);
}

}  // namespace tarea
