#include "master/store/sqlite_log_file.h"

#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "master/store/sqlite_database_file.h"

namespace tarea {
namespace {

// Not as a log: without its database SQLite would not open it.
constexpr int kLogFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_SUPER_JOURNAL;
constexpr int kMarkFlags = kLogFlags | SQLITE_OPEN_CREATE;

bool IsFrame(int64_t at) { return at >= kLogHeaderSize && (at - kLogHeaderSize) % kFrameSize == 0; }

int64_t FrameAt(int64_t at) { return (at - kLogHeaderSize) / kFrameSize + 1; }

int ReadMark(RealFile& file, std::optional<LogMark>& mark) {
  unsigned char bytes[LogMark::kSize];
  const int result = file.Read(bytes, LogMark::kSize, 0);
  if (result == SQLITE_OK) mark = LogMark::Decode(bytes);
  return result == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : result;
}

int PutMark(RealFile& file, const LogMark& mark, bool sync) {
  const std::string bytes = mark.Encode();
  const int result = file.Write(bytes.data(), static_cast<int>(bytes.size()), 0);
  return result == SQLITE_OK && sync ? file.Sync(SQLITE_SYNC_NORMAL) : result;
}

std::string MarkPathOfLog(absl::string_view log_path) {
  return MarkPath(std::string(absl::StripSuffix(log_path, "-wal")));
}

}  // namespace

std::string MarkPath(const std::string& database_path) { return database_path + "-mark"; }

LogFile::LogFile(std::unique_ptr<RealFile> real, const char* path)
    : VfsFile(std::move(real)), path_(path), mark_path_(MarkPathOfLog(path)) {}

// --- Reading
// -------------------------------------------------------------------------------------------

int LogFile::Read(void* to, int size, int64_t at) {
  const int64_t start = at - kFrameHeaderSize;
  if (size != kPageSize || !IsFrame(start) || FrameAt(start) >= rewritten_from_) {
    return real().Read(to, size, at);
  }
  // The checksum of a frame goes on from that of the one before, or of the header of the log.
  const int64_t frame = FrameAt(start);
  unsigned char before[8];
  const int64_t before_at = frame == 1 ? 24 : FrameOffset(frame - 1) + 16;
  int result = real().Read(before, sizeof(before), before_at);
  if (result == SQLITE_OK) result = real().Read(frame_.data(), kFrameSize, start);
  if (result == SQLITE_IOERR_SHORT_READ) {
    return ReportDamage(
        absl::StrCat("frame ", frame, " of ", path_, " is missing: the file was cut off"));
  }
  if (result != SQLITE_OK) return result;
  // A log that another kind of machine has begun has its checksums the other way round.
  const LogChecksum sum = ParseLogChecksum(before);
  if (!FrameIsSound(sum, frame_.data(), /*big_endian=*/false) &&
      !FrameIsSound(sum, frame_.data(), /*big_endian=*/true)) {
    return ReportDamage(absl::StrCat("frame ", frame, " of ", path_, " (page ",
                                     ParseFrameHeader(frame_.data()).page,
                                     ") is not what was written: its checksum is wrong"));
  }
  std::memcpy(to, frame_.data() + kFrameHeaderSize, kPageSize);
  return SQLITE_OK;
}

// --- Writing
// -------------------------------------------------------------------------------------------

int LogFile::Write(const void* from, int size, int64_t at) {
  if (at == 0 && size == kLogHeaderSize) return BeginLog(from);
  if (size == kFrameHeaderSize && IsFrame(at)) return WriteFrameHeader(from, FrameAt(at));
  const int result = real().Write(from, size, at);
  if (result != SQLITE_OK || at < kLogHeaderSize) return result;
  const int64_t frame = FrameAt(at);
  if (at != next_byte_) {
    rewritten_from_ = std::min(rewritten_from_, frame);
    return SQLITE_OK;
  }
  next_byte_ += size;
  if (next_byte_ == FrameOffset(frame + 1)) {
    page_written_ = frame;
    NoteCommitted();
  }
  return SQLITE_OK;
}

int LogFile::WriteFrameHeader(const void* header, int64_t frame) {
  const int result = real().Write(header, kFrameHeaderSize, FrameOffset(frame));
  if (result != SQLITE_OK) return result;
  const FrameHeader parsed = ParseFrameHeader(static_cast<const unsigned char*>(header));
  {
    absl::MutexLock lock(&mu_);
    NoteSalt(parsed.salt);
  }
  if (frame < rewritten_from_) rewritten_from_ = kNone;  // that transaction was given up
  if (frame == rewritten_from_) {
    rewritten_from_ = frame == appended_ ? kNone : frame + 1;
    page_written_ = frame;
  } else {
    appended_ = frame;
    page_written_ = 0;
    next_byte_ = FrameOffset(frame) + kFrameHeaderSize;
  }
  uncommitted_end_ = parsed.committed_pages != 0 ? frame : 0;
  NoteCommitted();
  return SQLITE_OK;
}

void LogFile::NoteCommitted() {
  if (uncommitted_end_ == 0 || page_written_ != uncommitted_end_ || rewritten_from_ != kNone) {
    return;
  }
  absl::MutexLock lock(&mu_);
  committed_ = static_cast<uint32_t>(uncommitted_end_);
  uncommitted_end_ = 0;
}

int LogFile::Sync(int flags) {
  uint32_t committed = 0;
  LogSalt salt;
  {
    absl::MutexLock lock(&mu_);
    committed = committed_;
    salt = salt_;
  }
  const int result = real().Sync(flags);
  if (result != SQLITE_OK || committed == 0) return result;
  absl::MutexLock lock(&mu_);
  // The log may have begun anew meanwhile.
  if (salt != salt_ || salt != mark_.salt || committed <= mark_.frames) return SQLITE_OK;
  mark_.frames = committed;
  // A mark that cannot be written claims less than it might; the log is on the disk all the same.
  WriteMark(/*sync=*/false);
  return SQLITE_OK;
}

int LogFile::Truncate(int64_t size) {
  {
    absl::MutexLock lock(&mu_);
    if (mark_.frames > 0 && size < FrameOffset(mark_.frames + 1)) {
      mark_.frames = 0;
      if (const int result = WriteMark(/*sync=*/true); result != SQLITE_OK) return result;
    }
  }
  return VfsFile::Truncate(size);
}

// --- The mark
// ------------------------------------------------------------------------------------------

int LogFile::BeginLog(const void* header) {
  {
    absl::MutexLock lock(&mu_);
    if (const int result = LoadMark(); result != SQLITE_OK) return result;
    salt_ = ParseLogHeader(static_cast<const unsigned char*>(header)).salt;
    committed_ = 0;
    // A first try may have failed.
    if (mark_.salt != LogSalt() && mark_.salt != salt_) mark_.previous = mark_.salt;
    mark_.salt = salt_;
    mark_.frames = 0;
    if (const int result = WriteMark(/*sync=*/true); result != SQLITE_OK) return result;
  }
  return real().Write(header, kLogHeaderSize, 0);
}

void LogFile::NoteSalt(LogSalt salt) {
  if (salt == salt_) return;
  // The first frame that this process appends to a log of an earlier one.
  salt_ = salt;
  if (LoadMark() != SQLITE_OK || mark_.salt == salt) return;
  mark_.previous = mark_.salt;
  mark_.salt = salt;
  mark_.frames = 0;
}

int LogFile::LoadMark() {
  if (mark_loaded_) return SQLITE_OK;
  if (mark_file_ == nullptr) {
    const int result = RealFile::Open(mark_path_.c_str(), kMarkFlags, nullptr, mark_file_);
    if (result != SQLITE_OK) return result;
  }
  std::optional<LogMark> mark;
  if (const int result = ReadMark(*mark_file_, mark); result != SQLITE_OK) return result;
  const auto& database =
      static_cast<DatabaseFile&>(VfsFile::Of(sqlite3_database_file_object(path_)));
  mark_ = LogMark();
  if (mark.has_value() && mark->database == database.id()) mark_ = *mark;
  mark_.database = database.id();
  mark_loaded_ = true;
  return SQLITE_OK;
}

int LogFile::WriteMark(bool sync) {
  if (mark_file_ == nullptr) return SQLITE_OK;
  return PutMark(*mark_file_, mark_, sync);
}

int LogFile::Settle() {
  absl::MutexLock lock(&mu_);
  if (const int result = LoadMark(); result != SQLITE_OK) return result;
  mark_.settled = true;
  return WriteMark(/*sync=*/true);
}

int LogFile::ReserveIds(TaskId task, BatchId batch) {
  absl::MutexLock lock(&mu_);
  if (task <= mark_.last_task && batch <= mark_.last_batch) return SQLITE_OK;
  const LogMark before = mark_;
  mark_.last_task = task + reserve_;
  mark_.last_batch = batch + reserve_;
  const int result = WriteMark(/*sync=*/true);
  if (result == SQLITE_OK) {
    reserve_ = std::min(2 * reserve_, LogMark::kMostReserved);
  } else {
    mark_ = before;
  }
  return result;
}

int LogFile::ReturnIds(TaskId task, BatchId batch) {
  absl::MutexLock lock(&mu_);
  if (!mark_loaded_) return SQLITE_OK;
  mark_.last_task = task;
  mark_.last_batch = batch;
  return WriteMark(/*sync=*/false);
}

int LogFile::WriteAgain(const char* path, int64_t first, int64_t last) {
  const FileName name(path);
  std::unique_ptr<RealFile> file;
  int result = RealFile::Open(name.c_str(), kLogFlags, nullptr, file);
  if (result != SQLITE_OK) return result;
  std::array<unsigned char, kFrameSize> bytes;
  result = file->Read(bytes.data(), kLogHeaderSize, 0);
  if (result == SQLITE_OK) result = file->Write(bytes.data(), kLogHeaderSize, 0);
  if (result != SQLITE_OK) return result;
  const LogHeader header = ParseLogHeader(bytes.data());
  LogChecksum sum = header.checksum;
  if (first > 1) {
    result = file->Read(bytes.data(), kFrameHeaderSize, FrameOffset(first - 1));
    sum = ParseFrameHeader(bytes.data()).checksum;
  }
  for (int64_t frame = first; frame <= last && result == SQLITE_OK; ++frame) {
    result = file->Read(bytes.data(), kFrameSize, FrameOffset(frame));
    if (result != SQLITE_OK) break;
    // What the kernel had in memory only it may have dropped since somebody looked.
    if (!FrameIsSound(sum, bytes.data(), header.big_endian)) return SQLITE_IOERR_DATA;
    sum = ParseFrameHeader(bytes.data()).checksum;
    result = file->Write(bytes.data(), kFrameSize, FrameOffset(frame));
  }
  return result == SQLITE_OK ? file->Sync(SQLITE_SYNC_NORMAL) : result;
}

int LogFile::MarkRemoved(const char* path) {
  const FileName mark_path(MarkPathOfLog(path));
  std::unique_ptr<RealFile> file;
  // There is none beside a database of an earlier version.
  if (RealFile::Open(mark_path.c_str(), kMarkFlags & ~SQLITE_OPEN_CREATE, nullptr, file) !=
      SQLITE_OK) {
    return SQLITE_OK;
  }
  std::optional<LogMark> mark;
  if (const int result = ReadMark(*file, mark); result != SQLITE_OK) return result;
  if (!mark.has_value()) return SQLITE_OK;
  if (mark->salt != LogSalt()) mark->previous = mark->salt;
  mark->salt = LogSalt();
  mark->frames = 0;
  return PutMark(*file, *mark, /*sync=*/true);
}

}  // namespace tarea
