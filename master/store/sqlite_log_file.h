#ifndef TAREA_MASTER_STORE_SQLITE_LOG_FILE_H_
#define TAREA_MASTER_STORE_SQLITE_LOG_FILE_H_

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "master/store/sqlite_log_mark.h"
#include "master/store/sqlite_vfs.h"
#include "master/store/sqlite_wal.h"

namespace tarea {

// The write-ahead log as a connection of SQLite has it open. A page that is read from it is checked
// with the checksum of its frame, which SQLite itself only looks at when it starts: so neither a
// reader nor the database, into which the log is brought, ever gets a damaged one. On the
// connection that writes it also keeps the LogMark.
//
// Sync may be called beside the others, which belong to the thread of the connection.
class LogFile : public VfsFile {
 public:
  // `path` as SQLite has given it.
  LogFile(std::unique_ptr<RealFile> real, const char* path);

  int Read(void* to, int size, int64_t at) override;
  int Write(const void* from, int size, int64_t at) override ABSL_LOCKS_EXCLUDED(mu_);
  int Truncate(int64_t size) override ABSL_LOCKS_EXCLUDED(mu_);
  int Sync(int flags) override ABSL_LOCKS_EXCLUDED(mu_);

  // A master has begun its epoch, durably. See LogMark::settled. SQLite's error code, as of those
  // below.
  int Settle() ABSL_LOCKS_EXCLUDED(mu_);

  // Reserves ids up to these, durably, and some more so that the next call need not. See LogMark.
  int ReserveIds(TaskId task, BatchId batch) ABSL_LOCKS_EXCLUDED(mu_);
  // Ids after these are not reserved any more: all that were given out are on the disk.
  int ReturnIds(TaskId task, BatchId batch) ABSL_LOCKS_EXCLUDED(mu_);

  // Writes the header and these frames of the log with this path once more, as they are, and brings
  // them to the disk. After a sync that has failed the kernel may take pages for written that it
  // has dropped: they can still be read, but no sync brings them to the disk any more.
  // SQLITE_IOERR_DATA: a frame is not sound any more.
  static int WriteAgain(const char* path, int64_t first, int64_t last);

  // The log with this path is about to be removed, now that all of it is in the database.
  static int MarkRemoved(const char* path);

 private:
  static constexpr int64_t kNone = std::numeric_limits<int64_t>::max();

  int BeginLog(const void* header) ABSL_LOCKS_EXCLUDED(mu_);
  int WriteFrameHeader(const void* header, int64_t frame) ABSL_LOCKS_EXCLUDED(mu_);
  void NoteSalt(LogSalt salt) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void NoteCommitted() ABSL_LOCKS_EXCLUDED(mu_);
  int LoadMark() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  int WriteMark(bool sync) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const char* const path_;                       // SQLite keeps it
  const FileName mark_path_;                     // kept while the mark is open
  std::array<unsigned char, kFrameSize> frame_;  // on its way

  // Of the transaction that is being written. Frames are appended, but a page that does not fit
  // into the cache any more may be written over again in place; the checksums from there on are
  // wrong until SQLite writes the headers again, at the end of the transaction.
  int64_t appended_ = 0;            // the last frame whose header was appended
  int64_t page_written_ = 0;        // the last frame whose page was written after its header
  int64_t next_byte_ = 0;           // where the page of that frame goes on
  int64_t rewritten_from_ = kNone;  // the first frame that waits for a new header
  int64_t uncommitted_end_ = 0;     // the frame that ends the transaction; 0: not written yet

  absl::Mutex mu_;
  bool mark_loaded_ ABSL_GUARDED_BY(mu_) = false;
  LogMark mark_ ABSL_GUARDED_BY(mu_);
  int64_t reserve_ ABSL_GUARDED_BY(mu_) = LogMark::kFewestReserved;  // so many ids next time
  std::unique_ptr<RealFile> mark_file_ ABSL_GUARDED_BY(mu_);
  LogSalt salt_ ABSL_GUARDED_BY(mu_);            // of what was written last
  uint32_t committed_ ABSL_GUARDED_BY(mu_) = 0;  // the last frame of the last whole transaction
};

// Where the mark of the log of this database is.
std::string MarkPath(const std::string& database_path);

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_LOG_FILE_H_
