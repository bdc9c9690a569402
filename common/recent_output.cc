#include "common/recent_output.h"

#include <algorithm>
#include <utility>

namespace tarea {
namespace {

// Pieces that are kept of one stream, however small they are: a command that writes a byte to each
// stream by turns makes one of each.
constexpr size_t kMaxPieces = 4096;

}  // namespace

RecentOutput::RecentOutput(size_t max_bytes) : max_bytes_(std::max(max_bytes, kPieceBytes)) {}

void RecentOutput::AppendAt(OutputStream stream, int64_t offset, absl::string_view text) {
  Kept& kept = kept_[static_cast<size_t>(stream)];
  int64_t& end = ends_[stream];
  const int64_t known = std::clamp<int64_t>(end - offset, 0, static_cast<int64_t>(text.size()));
  text.remove_prefix(known);
  offset += known;
  if (text.size() > max_bytes_) {
    offset += static_cast<int64_t>(text.size() - max_bytes_);
    text.remove_prefix(text.size() - max_bytes_);
  }
  while (!text.empty()) {
    // The last of all pieces goes on if this is of the same stream and follows it.
    const bool goes_on = !kept.pieces.empty() && kept.pieces.back().number == pieces_ &&
                         kept.pieces.back().end() == offset &&
                         kept.pieces.back().data.size() < kPieceBytes;
    if (!goes_on) kept.pieces.push_back({.number = ++pieces_, .offset = offset, .data = ""});
    std::string& data = kept.pieces.back().data;
    const size_t size = std::min(text.size(), kPieceBytes - data.size());
    data.append(text.data(), size);
    text.remove_prefix(size);
    offset += static_cast<int64_t>(size);
    kept.bytes += size;
    end = offset;
  }
  Trim(kept);
}

void RecentOutput::Trim(Kept& kept) const {
  while (!kept.pieces.empty() && (kept.bytes - kept.pieces.front().data.size() >= max_bytes_ ||
                                  kept.pieces.size() > kMaxPieces)) {
    kept.bytes -= kept.pieces.front().data.size();
    kept.pieces.pop_front();
  }
}

std::vector<OutputChunk> RecentOutput::Read(OutputOffsets& from, size_t max_bytes) const {
  std::vector<OutputChunk> chunks;
  std::array<std::deque<Piece>::const_iterator, kOutputStreams> next;
  for (size_t i = 0; i < next.size(); ++i) {
    const std::deque<Piece>& pieces = kept_[i].pieces;
    next[i] = std::partition_point(pieces.begin(), pieces.end(), [&](const Piece& piece) {
      return piece.end() <= from.bytes[i];
    });
  }
  while (max_bytes > 0) {
    // The stream whose next piece came first.
    int best = -1;
    for (int i = 0; i < kOutputStreams; ++i) {
      if (next[i] == kept_[i].pieces.end()) continue;
      if (best < 0 || next[i]->number < next[best]->number) best = i;
    }
    if (best < 0) break;
    const Piece& piece = *next[best]++;
    const auto stream = static_cast<OutputStream>(best);
    const int64_t begin = std::max(piece.offset, from[stream]);
    const absl::string_view data =
        absl::string_view(piece.data).substr(begin - piece.offset, max_bytes);
    if (chunks.empty() || chunks.back().stream != stream || begin != from[stream]) {
      chunks.push_back({.stream = stream, .offset = begin, .data = ""});
    }
    chunks.back().data.append(data.data(), data.size());
    from[stream] = begin + static_cast<int64_t>(data.size());
    max_bytes -= data.size();
  }
  return chunks;
}

}  // namespace tarea
