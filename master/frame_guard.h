#ifndef TAREA_MASTER_FRAME_GUARD_H_
#define TAREA_MASTER_FRAME_GUARD_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace tarea {

// Looks at the frames that one HTTP/2 connection receives, and says when it is not a caller's. gRPC
// 1.51 takes any number of the frames below, and has to: its thread that reads a connection goes on
// as long as there is something to read, and only then gets to what it has read. 100,000 calls that
// are opened and reset in one go cost it 1.4 GB, a header of 450 MB costs 490 MB.
//
//     FrameGuard guard(32 << 20);
//     if (const char* why = guard.Read(bytes, now)) { /* end the connection */ }
//
// Keeps no bytes, and a number for each call whose message is in parts. Not thread-safe.
class FrameGuard {
 public:
  // Of one block of headers, with its CONTINUATION frames. Beyond what gRPC lets pass by far
  // (GRPC_ARG_MAX_METADATA_SIZE), so that a caller with somewhat too much gets gRPC's answer.
  static constexpr uint32_t kMaxHeaderBytes = 64 << 10;
  static constexpr int kMaxHeaderFrames = 16;
  // Calls before the peer acknowledges our settings, of which one is how many calls it may have:
  // gRPC counts them only from then on. Callers do it at once.
  static constexpr int kMaxEarlyCalls = 100;
  // Calls that are reset: so many at once, and so many a second in the long run. A client that is
  // interrupted resets all its calls. Each costs about 11 KB until gRPC gets to it.
  static constexpr double kMaxResets = 1000;
  static constexpr double kResetsPerSecond = 100;
  // PING and SETTINGS, each of which has to be answered. gRPC's own clients send some ten a second
  // while they find out how much the connection can take.
  static constexpr double kMaxOrders = 300;
  static constexpr double kOrdersPerSecond = 30;

  // Calls at a time of which a part of the message has come: more than gRPC lets a connection have.
  static constexpr size_t kMaxUnfinished = 4096;

  // `max_call_bytes`: what one call may send. gRPC looks at the length of a message only when all
  // of it is there, however long it was announced to be. Should be some times the limit that gRPC
  // is given, so that a caller with somewhat too much gets an answer that says so.
  explicit FrameGuard(int64_t max_call_bytes) : max_call_bytes_(max_call_bytes) {}

  // The next bytes of the connection. Null: all is well; else why it is to be ended, and the guard
  // is of no more use. `now` must not go back.
  const char* Read(absl::string_view bytes, absl::Time now);

 private:
  // What may be used up, and fills up again with time.
  class Allowance {
   public:
    Allowance(double most, double per_second) : most_(most), per_second_(per_second), left_(most) {}
    // Takes one. False if there is none left.
    bool Take(absl::Time now);

   private:
    double most_;
    double per_second_;
    double left_;
    absl::Time last_ = absl::InfinitePast();
  };

  const char* ReadPreface(absl::string_view& bytes);
  const char* BeginFrame(absl::Time now);
  const char* AddHeaders(uint32_t length);
  const char* AddData(uint32_t stream, bool ends);

  int64_t max_call_bytes_;
  size_t preface_read_ = 0;
  // Of the frame that is being read: its head as far as it is there, and what is left of the rest.
  std::array<unsigned char, 9> head_ = {};
  size_t head_read_ = 0;
  uint32_t left_ = 0;

  uint32_t header_bytes_ = 0;
  int header_frames_ = 0;
  absl::flat_hash_map<uint32_t, int64_t> unfinished_;  // bytes by stream
  bool acknowledged_ = false;
  int early_calls_ = 0;
  Allowance resets_{kMaxResets, kResetsPerSecond};
  Allowance orders_{kMaxOrders, kOrdersPerSecond};
};

}  // namespace tarea

#endif  // TAREA_MASTER_FRAME_GUARD_H_
