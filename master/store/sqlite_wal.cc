#include "master/store/sqlite_wal.h"

#include <utility>
#include <vector>

namespace tarea {
namespace {

constexpr uint32_t kMagic = 0x377f0682;  // the lowest bit says how checksums take the bytes
constexpr uint32_t kVersion = 3007000;

uint32_t LittleEndian32(const unsigned char* bytes) {
  return static_cast<uint32_t>(bytes[3]) << 24 | static_cast<uint32_t>(bytes[2]) << 16 |
         static_cast<uint32_t>(bytes[1]) << 8 | bytes[0];
}

// `size` is a multiple of 8.
template <uint32_t (*kWord)(const unsigned char*)>
LogChecksum Add(LogChecksum sum, const unsigned char* bytes, int size) {
  for (const unsigned char* const end = bytes + size; bytes < end; bytes += 8) {
    sum.first += kWord(bytes) + sum.second;
    sum.second += kWord(bytes + 4) + sum.first;
  }
  return sum;
}

LogChecksum Add(LogChecksum sum, const unsigned char* bytes, int size, bool big_endian) {
  return big_endian ? Add<BigEndian32>(sum, bytes, size) : Add<LittleEndian32>(sum, bytes, size);
}

// The frames of one log, from the first to the last.
class Walk {
 public:
  Walk(LogWalk& walk, LogReader read) : walk_(walk), read_(read) {}

  void Run() {
    LogChecksum before = walk_.header.checksum;
    for (int64_t frame = 1; FrameOffset(frame + 1) <= walk_.bytes; ++frame) {
      if (!read_(bytes_.data(), kFrameSize, FrameOffset(frame))) return;
      const FrameHeader header = ParseFrameHeader(bytes_.data());
      const bool sound = header.salt == walk_.header.salt && header.page != 0 &&
                         FrameIsSound(before, bytes_.data(), walk_.header.big_endian);
      if (sound && walk_.sound_frames == frame - 1) {
        Count(frame, header);
      } else if (sound && header.committed_pages != 0) {
        walk_.later_commits++;
      }
      // Of a frame whose content is damaged this is what the next one went on from.
      before = header.checksum;
    }
  }

 private:
  void Count(int64_t frame, const FrameHeader& header) {
    walk_.sound_frames = frame;
    uncommitted_.emplace_back(header.page, frame);
    if (header.page == 1) {
      first_page_.assign(reinterpret_cast<const char*>(bytes_.data()) + kFrameHeaderSize,
                         kPageSize);
    }
    if (header.committed_pages == 0) return;
    walk_.committed = frame;
    walk_.database_pages = header.committed_pages;
    for (const auto& [page, at] : uncommitted_) walk_.pages[page] = at;
    uncommitted_.clear();
    walk_.first_page = first_page_;
  }

  LogWalk& walk_;
  const LogReader read_;
  std::vector<unsigned char> bytes_ = std::vector<unsigned char>(kFrameSize);
  std::vector<std::pair<int64_t, int64_t>> uncommitted_;  // page, frame
  std::string first_page_;
};

}  // namespace

LogChecksum ParseLogChecksum(const unsigned char* bytes) {
  return {BigEndian32(bytes), BigEndian32(bytes + 4)};
}

LogHeader ParseLogHeader(const unsigned char* bytes) {
  LogHeader header;
  const uint32_t magic = BigEndian32(bytes);
  header.big_endian = (magic & 1) != 0;
  header.salt = {BigEndian32(bytes + 16), BigEndian32(bytes + 20)};
  header.checksum = ParseLogChecksum(bytes + 24);
  header.sound = (magic & ~1u) == kMagic && BigEndian32(bytes + 4) == kVersion &&
                 BigEndian32(bytes + 8) == kPageSize &&
                 Add({}, bytes, 24, header.big_endian) == header.checksum;
  return header;
}

FrameHeader ParseFrameHeader(const unsigned char* bytes) {
  FrameHeader header;
  header.page = BigEndian32(bytes);
  header.committed_pages = BigEndian32(bytes + 4);
  header.salt = {BigEndian32(bytes + 8), BigEndian32(bytes + 12)};
  header.checksum = ParseLogChecksum(bytes + 16);
  return header;
}

bool FrameIsSound(LogChecksum before, const unsigned char* frame, bool big_endian) {
  const LogChecksum sum =
      Add(Add(before, frame, 8, big_endian), frame + kFrameHeaderSize, kPageSize, big_endian);
  return sum == ParseLogChecksum(frame + 16);
}

LogWalk WalkLog(int64_t bytes, LogReader read) {
  LogWalk walk;
  walk.exists = true;
  walk.bytes = bytes;
  unsigned char header[kLogHeaderSize];
  if (bytes < kLogHeaderSize || !read(header, kLogHeaderSize, 0)) return walk;
  walk.header = ParseLogHeader(header);
  if (walk.header.sound) Walk(walk, read).Run();
  return walk;
}

}  // namespace tarea
