#ifndef TAREA_MASTER_STORE_SQLITE_WAL_H_
#define TAREA_MASTER_STORE_SQLITE_WAL_H_

#include <cstdint>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "master/store/sqlite_pages.h"

// The format of SQLite's write-ahead log (https://www.sqlite.org/fileformat2.html, section 4): a
// header, then frames, each the new content of a page. Frames are counted from 1. A frame counts if
// it has the salt of the header and its checksum goes on from that of the frame before; what was
// committed ends at the last such frame that is marked as the end of a transaction.
namespace tarea {

inline constexpr int kLogHeaderSize = 32;
inline constexpr int kFrameHeaderSize = 24;
inline constexpr int kFrameSize = kFrameHeaderSize + kPageSize;

inline int64_t FrameOffset(int64_t frame) { return kLogHeaderSize + (frame - 1) * kFrameSize; }

// Chosen anew each time that the log begins anew: frames of the time before do not have it.
struct LogSalt {
  uint32_t first = 0;
  uint32_t second = 0;

  friend bool operator==(const LogSalt&, const LogSalt&) = default;
};

struct LogChecksum {
  uint32_t first = 0;
  uint32_t second = 0;

  friend bool operator==(const LogChecksum&, const LogChecksum&) = default;
};

struct LogHeader {
  bool sound = false;
  bool big_endian = false;  // how checksums take the bytes
  LogSalt salt;
  LogChecksum checksum;
};
LogHeader ParseLogHeader(const unsigned char* bytes);

struct FrameHeader {
  uint32_t page = 0;
  uint32_t committed_pages = 0;  // at the end of a transaction the size of the database; else 0
  LogSalt salt;
  LogChecksum checksum;
};
FrameHeader ParseFrameHeader(const unsigned char* bytes);
LogChecksum ParseLogChecksum(const unsigned char* bytes);

// Whether the checksum of a frame (kFrameSize bytes) is right, after the one before.
bool FrameIsSound(LogChecksum before, const unsigned char* frame, bool big_endian);

// What a log holds.
struct LogWalk {
  bool exists = false;
  int64_t bytes = 0;
  LogHeader header;
  int64_t sound_frames = 0;    // in a row from the first
  int64_t committed = 0;       // the frame with which what was committed ends
  int64_t database_pages = 0;  // size of the database then
  int64_t later_commits = 0;   // that are sound by themselves, but lie after a frame that is not
  absl::flat_hash_map<int64_t, int64_t> pages;  // that were committed, and their last frames
  std::string first_page;  // the last content of page 1 in it that was committed, or nothing
};

// Reads `size` bytes at an offset of the log into a buffer; false if there are fewer.
using LogReader = absl::FunctionRef<bool(void* to, int size, int64_t at)>;

// Reads all of a log of `bytes` bytes.
LogWalk WalkLog(int64_t bytes, LogReader read);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_WAL_H_
