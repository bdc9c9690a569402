#ifndef TAREA_MASTER_STORE_SQLITE_VFS_H_
#define TAREA_MASTER_STORE_SQLITE_VFS_H_

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

// What lies between SQLite and the files of a database. SQLite's own layer for that, a VFS, does
// the work; on top of it every page ends with a checksum (DatabaseFile), and the frames of the
// write-ahead log are checked as they are read (LogFile). The VFS below is the default one of the
// process at the time of each call, so that tests can put one of their own there.
namespace tarea {

// The name of the VFS, for sqlite3_open_v2.
const char* PagesVfs();

// The same for a look that changes nothing: what is open cannot be written, nothing is made or
// removed, and nothing is locked, so nobody may write at the time. A log is read too, if the
// connection says PRAGMA locking_mode = EXCLUSIVE first: it then needs no tarea.db-shm.
const char* FrozenPagesVfs();

// A file of the VFS below. Closes it in the end.
class RealFile {
 public:
  // SQLITE_OK, or SQLite's error code. `path` must be one that SQLite has given, or a FileName that
  // outlives it.
  static int Open(const char* path, int flags, int* out_flags, std::unique_ptr<RealFile>& file);
  RealFile(const RealFile&) = delete;
  RealFile& operator=(const RealFile&) = delete;
  ~RealFile();

  const sqlite3_io_methods* methods() const { return file_->pMethods; }
  sqlite3_file* file() const { return file_; }

  // As those of sqlite3_io_methods.
  int Read(void* to, int size, int64_t at);
  int Write(const void* from, int size, int64_t at);
  int Sync(int flags);
  int Size(int64_t& size);

 private:
  explicit RealFile(int size) : bytes_(static_cast<size_t>(size)) {
    file_ = reinterpret_cast<sqlite3_file*>(bytes_.data());
  }

  std::vector<char> bytes_;
  sqlite3_file* file_;
};

// A path in the form in which SQLite passes file names.
class FileName {
 public:
  explicit FileName(const std::string& path) : bytes_(path + std::string(4, '\0')) {}
  const char* c_str() const { return bytes_.c_str(); }

 private:
  std::string bytes_;
};

// The whole of a file of the VFS below if it is at most `most` bytes, else its first `most`.
// NOT_FOUND: there is none.
absl::StatusOr<std::string> ReadRealFile(const std::string& path, int64_t most);

// A file as SQLite has it open. What is not overridden goes to the file below as it is.
//
// Once a sync of a database or of its log has failed, nothing is written to either any more, by any
// connection, until all are closed. The kernel may have dropped pages and call the next sync a
// success; a checkpoint would then bring pages over that the log has lost, or begin the log anew
// although the database has lost what was in it.
class VfsFile {
 public:
  explicit VfsFile(std::unique_ptr<RealFile> real) : real_(std::move(real)) {}
  virtual ~VfsFile() = default;

  // The object behind what SQLite has; it must be a file of this VFS.
  static VfsFile& Of(sqlite3_file* file);

  virtual int Read(void* to, int size, int64_t at) { return real_->Read(to, size, at); }
  virtual int Write(const void* from, int size, int64_t at) { return real_->Write(from, size, at); }
  virtual int Truncate(int64_t size);
  virtual int Sync(int flags) { return real_->Sync(flags); }
  virtual int Size(int64_t& size) { return real_->Size(size); }
  virtual int Control(int operation, void* argument);

  RealFile& real() { return *real_; }
  bool has_real() const { return real_ != nullptr; }

  // Shared by the files of one database; none for others.
  void set_sync_failed(std::shared_ptr<std::atomic<bool>> flag) { sync_failed_ = std::move(flag); }
  bool sync_failed() const { return sync_failed_ != nullptr && *sync_failed_; }
  void NoteSyncFailed();

 private:
  std::unique_ptr<RealFile> real_;
  std::shared_ptr<std::atomic<bool>> sync_failed_;
};

// Damage is found while SQLite reads, in the middle of its code, which passes on no more than
// SQLITE_IOERR_DATA. What exactly was found is kept here for this thread. Answers that code.
int ReportDamage(std::string what);
// What was last reported on this thread since this was called last.
std::string TakeDamageReport();

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_SQLITE_VFS_H_
