#ifndef TAREA_TESTS_CHAOS_RELAY_H_
#define TAREA_TESTS_CHAOS_RELAY_H_

#include <poll.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace tarea {

// How one direction of a link behaves. The default is a good one.
struct DirectionQuality {
  bool blocked =
      false;  // nothing arrives; what is sent meanwhile arrives afterwards, as TCP has it
  absl::Duration delay = absl::ZeroDuration();
  int64_t bytes_per_second = 0;  // 0: no limit
};

struct LinkQuality {
  DirectionQuality to_master = {};
  DirectionQuality from_master = {};
};

// One connection through the proxy: two sockets, and what is on its way between them. Not
// thread-safe.
class Relay {
 public:
  // Takes over both sockets, which must not block. `master` may still be connecting.
  Relay(int client, int master) : to_master_{client, master}, from_master_{master, client} {}
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  // Adds what it waits for. Answers how soon it has to be called again in any case.
  absl::Duration Prepare(const LinkQuality& quality, absl::Time now, std::vector<pollfd>& fds);

  // Moves what can be moved. False once the connection is over, at both ends.
  bool Move(const LinkQuality& quality, absl::Time now);

  void Reset();
  void LeaveHalfOpen();

 private:
  struct Piece {
    absl::Time sent;
    std::string bytes;
  };
  struct Direction {
    int from = -1;
    int to = -1;
    std::deque<Piece> pieces = {};
    size_t buffered = 0;
    bool ended = false;                         // `from` sends no more
    bool closed = false;                        // and `to` knows
    absl::Time free_at = absl::InfinitePast();  // with a limited rate: of the next byte
  };

  static absl::Time NextDue(const Direction& direction, const DirectionQuality& quality);
  bool Receive(Direction& direction, absl::Time now) const;
  static bool Send(Direction& direction, const DirectionQuality& quality, absl::Time now);
  void Close();

  Direction to_master_;
  Direction from_master_;
  bool half_open_ = false;
};

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_RELAY_H_
