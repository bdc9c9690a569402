#ifndef TAREA_COMMON_RECENT_OUTPUT_H_
#define TAREA_COMMON_RECENT_OUTPUT_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace tarea {

// The streams that a task may write to, as a command does.
enum class OutputStream : int8_t { kStdout = 0, kStderr = 1 };
inline constexpr int kOutputStreams = 2;

// A number of bytes for each stream, from its beginning.
struct OutputOffsets {
  std::array<int64_t, kOutputStreams> bytes = {};

  int64_t& operator[](OutputStream stream) { return bytes[static_cast<size_t>(stream)]; }
  int64_t operator[](OutputStream stream) const { return bytes[static_cast<size_t>(stream)]; }

  friend bool operator==(const OutputOffsets&, const OutputOffsets&) = default;
};

struct OutputChunk {
  OutputStream stream = OutputStream::kStdout;
  int64_t offset = 0;  // bytes of the stream before this
  std::string data;

  friend bool operator==(const OutputChunk&, const OutputChunk&) = default;
};

// What a task has written since some offsets, and how much it has written so far.
struct TaskOutput {
  std::vector<OutputChunk> chunks;
  OutputOffsets sizes;
};

// The end of what a task has written: the last bytes of each stream, where in their stream they
// are, and in which order they came. What is written in small pieces or by turns to both streams
// costs no more memory than a flood. Not thread-safe.
class RecentOutput {
 public:
  // Bytes in one piece at most; also how many more than max_bytes may be kept.
  static constexpr size_t kPieceBytes = 4096;

  // `max_bytes` of each stream; at least kPieceBytes.
  explicit RecentOutput(size_t max_bytes);

  // What was written next.
  void Append(OutputStream stream, absl::string_view text) { AppendAt(stream, end(stream), text); }

  // What was written from `offset` on. Of what is known already nothing is taken twice; what is
  // missing before it stays missing.
  void AppendAt(OutputStream stream, int64_t offset, absl::string_view text);

  // Bytes written so far.
  int64_t end(OutputStream stream) const { return ends_[stream]; }
  const OutputOffsets& ends() const { return ends_; }

  // What is kept from `from` on, in the order in which it came, and moves `from` behind it. At most
  // `max_bytes` of data. A chunk that begins later than `from` tells that what lies between is no
  // longer there.
  std::vector<OutputChunk> Read(OutputOffsets& from, size_t max_bytes) const;

 private:
  struct Piece {
    int64_t number = 0;  // in the order of all pieces
    int64_t offset = 0;
    std::string data;

    int64_t end() const { return offset + static_cast<int64_t>(data.size()); }
  };
  struct Kept {
    std::deque<Piece> pieces;
    size_t bytes = 0;
  };

  void Trim(Kept& kept) const;

  const size_t max_bytes_;
  OutputOffsets ends_;
  int64_t pieces_ = 0;  // made so far
  std::array<Kept, kOutputStreams> kept_;
};

}  // namespace tarea

#endif  // TAREA_COMMON_RECENT_OUTPUT_H_
