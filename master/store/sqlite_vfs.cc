#include "master/store/sqlite_vfs.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cstring>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "master/store/sqlite_database_file.h"
#include "master/store/sqlite_log_file.h"

namespace tarea {
namespace {

sqlite3_vfs* Below() { return sqlite3_vfs_find(nullptr); }

thread_local std::string damage_report;

// --- Files
// ---------------------------------------------------------------------------------------------

// What SQLite has memory for.
struct Handle {
  sqlite3_file base;
  VfsFile* object;
};

sqlite3_file* Real(sqlite3_file* file) { return VfsFile::Of(file).real().file(); }

// All but shared memory, which comes with version 2. Version 3 would let SQLite map the file, and
// read pages that nobody has looked at.
sqlite3_io_methods BasicMethods() {
  sqlite3_io_methods m = {};
  m.iVersion = 1;
  m.xClose = [](sqlite3_file* f) {
    delete &VfsFile::Of(f);
    return SQLITE_OK;
  };
  m.xRead = [](sqlite3_file* f, void* to, int size, sqlite3_int64 at) {
    return VfsFile::Of(f).Read(to, size, at);
  };
  m.xWrite = [](sqlite3_file* f, const void* from, int size, sqlite3_int64 at) {
    VfsFile& file = VfsFile::Of(f);
    return file.sync_failed() ? SQLITE_IOERR_WRITE : file.Write(from, size, at);
  };
  m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
    VfsFile& file = VfsFile::Of(f);
    return file.sync_failed() ? SQLITE_IOERR_TRUNCATE : file.Truncate(size);
  };
  m.xSync = [](sqlite3_file* f, int flags) {
    VfsFile& file = VfsFile::Of(f);
    if (file.sync_failed()) return SQLITE_IOERR_FSYNC;
    const int result = file.Sync(flags);
    if (result != SQLITE_OK) file.NoteSyncFailed();
    return result;
  };
  m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
    int64_t bytes = 0;
    const int result = VfsFile::Of(f).Size(bytes);
    *size = bytes;
    return result;
  };
  m.xLock = [](sqlite3_file* f, int lock) { return Real(f)->pMethods->xLock(Real(f), lock); };
  m.xUnlock = [](sqlite3_file* f, int lock) { return Real(f)->pMethods->xUnlock(Real(f), lock); };
  m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
    return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
  };
  m.xFileControl = [](sqlite3_file* f, int operation, void* argument) {
    return VfsFile::Of(f).Control(operation, argument);
  };
  m.xSectorSize = [](sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); };
  m.xDeviceCharacteristics = [](sqlite3_file* f) {
    return Real(f)->pMethods->xDeviceCharacteristics(Real(f));
  };
  return m;
}

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m = BasicMethods();
    m.iVersion = 2;
    m.xShmMap = [](sqlite3_file* f, int page, int size, int extend, void volatile** out) {
      return Real(f)->pMethods->xShmMap(Real(f), page, size, extend, out);
    };
    m.xShmLock = [](sqlite3_file* f, int offset, int n, int flags) {
      return Real(f)->pMethods->xShmLock(Real(f), offset, n, flags);
    };
    m.xShmBarrier = [](sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); };
    m.xShmUnmap = [](sqlite3_file* f, int remove) {
      return Real(f)->pMethods->xShmUnmap(Real(f), remove);
    };
    return m;
  }();
  return &methods;
}

const sqlite3_io_methods* FrozenMethods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m = BasicMethods();
    m.xWrite = [](sqlite3_file*, const void*, int, sqlite3_int64) { return SQLITE_READONLY; };
    m.xTruncate = [](sqlite3_file*, sqlite3_int64) { return SQLITE_READONLY; };
    m.xSync = [](sqlite3_file*, int) { return SQLITE_OK; };
    m.xLock = [](sqlite3_file*, int) { return SQLITE_OK; };
    m.xUnlock = [](sqlite3_file*, int) { return SQLITE_OK; };
    m.xCheckReservedLock = [](sqlite3_file*, int* out) {
      *out = 0;
      return SQLITE_OK;
    };
    m.xFileControl = [](sqlite3_file*, int, void*) { return SQLITE_NOTFOUND; };
    m.xSectorSize = [](sqlite3_file*) { return kPageSize; };
    m.xDeviceCharacteristics = [](sqlite3_file*) { return 0; };
    return m;
  }();
  return &methods;
}

// A log that is not there: empty.
class NoFile : public VfsFile {
 public:
  NoFile() : VfsFile(nullptr) {}
  int Read(void* to, int size, int64_t) override {
    std::memset(to, 0, static_cast<size_t>(size));
    return SQLITE_IOERR_SHORT_READ;
  }
  int Size(int64_t& size) override {
    size = 0;
    return SQLITE_OK;
  }
};

// Whether a sync has failed of the database with this path or log; anew once all are closed.
std::shared_ptr<std::atomic<bool>> SyncFailedFlag(absl::string_view path) {
  static absl::Mutex mu(absl::kConstInit);
  static auto& flags = *new absl::flat_hash_map<std::string, std::weak_ptr<std::atomic<bool>>>();
  absl::MutexLock lock(&mu);
  std::weak_ptr<std::atomic<bool>>& known = flags[absl::StripSuffix(path, "-wal")];
  std::shared_ptr<std::atomic<bool>> flag = known.lock();
  if (flag == nullptr) known = flag = std::make_shared<std::atomic<bool>>(false);
  return flag;
}

int OpenFile(const char* path, Handle* handle, int flags, int* out_flags, bool frozen) {
  handle->base.pMethods = nullptr;
  const bool is_ours = (flags & (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL)) != 0;
  const bool is_frozen = frozen && path != nullptr;  // without a name it is a temporary one
  if (is_frozen) {
    flags &= ~(SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_DELETEONCLOSE);
    flags |= SQLITE_OPEN_READONLY;
    int exists = 0;
    if ((flags & SQLITE_OPEN_WAL) != 0 &&
        Below()->xAccess(Below(), path, SQLITE_ACCESS_EXISTS, &exists) == SQLITE_OK &&
        exists == 0) {
      handle->object = new NoFile();
      handle->base.pMethods = FrozenMethods();
      if (out_flags != nullptr) *out_flags = flags;
      return SQLITE_OK;
    }
  }
  std::unique_ptr<RealFile> real;
  int result = RealFile::Open(path, flags, out_flags, real);
  if (result != SQLITE_OK) return result;
  std::unique_ptr<VfsFile> file;
  if (!is_ours) {
    file = std::make_unique<VfsFile>(std::move(real));
  } else if ((flags & SQLITE_OPEN_MAIN_DB) != 0) {
    result = DatabaseFile::Make(std::move(real), path, file);
  } else {
    file = std::make_unique<LogFile>(std::move(real), path);
  }
  if (result != SQLITE_OK) return result;
  if (is_ours) file->set_sync_failed(SyncFailedFlag(path));
  handle->object = file.release();
  handle->base.pMethods = is_frozen ? FrozenMethods() : Methods();
  return SQLITE_OK;
}

// --- The VFS
// -------------------------------------------------------------------------------------------

// Forwards to whatever is the default one at the time.
sqlite3_vfs MakeVfs(const char* name) {
  sqlite3_vfs v = {};
  v.iVersion = 2;
  v.szOsFile = sizeof(Handle);
  v.mxPathname = Below()->mxPathname;
  v.zName = name;
  v.xOpen = [](sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out) {
    return OpenFile(path, reinterpret_cast<Handle*>(file), flags, out, /*frozen=*/false);
  };
  v.xDelete = [](sqlite3_vfs*, const char* path, int sync) {
    if (absl::EndsWith(path, "-wal")) {
      if (const int result = LogFile::MarkRemoved(path); result != SQLITE_OK) return result;
    }
    return Below()->xDelete(Below(), path, sync);
  };
  v.xAccess = [](sqlite3_vfs*, const char* path, int flags, int* out) {
    return Below()->xAccess(Below(), path, flags, out);
  };
  v.xFullPathname = [](sqlite3_vfs*, const char* path, int size, char* out) {
    return Below()->xFullPathname(Below(), path, size, out);
  };
  v.xDlOpen = [](sqlite3_vfs*, const char* path) { return Below()->xDlOpen(Below(), path); };
  v.xDlError = [](sqlite3_vfs*, int size, char* out) { Below()->xDlError(Below(), size, out); };
  v.xDlSym = [](sqlite3_vfs*, void* library, const char* symbol) {
    return Below()->xDlSym(Below(), library, symbol);
  };
  v.xDlClose = [](sqlite3_vfs*, void* library) { Below()->xDlClose(Below(), library); };
  v.xRandomness = [](sqlite3_vfs*, int size, char* out) {
    return Below()->xRandomness(Below(), size, out);
  };
  v.xSleep = [](sqlite3_vfs*, int microseconds) { return Below()->xSleep(Below(), microseconds); };
  v.xCurrentTime = [](sqlite3_vfs*, double* out) { return Below()->xCurrentTime(Below(), out); };
  v.xGetLastError = [](sqlite3_vfs*, int size, char* out) {
    return Below()->xGetLastError(Below(), size, out);
  };
  v.xCurrentTimeInt64 = [](sqlite3_vfs*, sqlite3_int64* out) {
    return Below()->xCurrentTimeInt64(Below(), out);
  };
  return v;
}

}  // namespace

const char* PagesVfs() {
  static sqlite3_vfs* const vfs = [] {
    sqlite3_initialize();
    static sqlite3_vfs v = MakeVfs("tarea-pages");
    sqlite3_vfs_register(&v, /*makeDflt=*/0);
    return &v;
  }();
  return vfs->zName;
}

const char* FrozenPagesVfs() {
  static sqlite3_vfs* const vfs = [] {
    sqlite3_initialize();
    static sqlite3_vfs v = MakeVfs("tarea-pages-frozen");
    v.xOpen = [](sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out) {
      return OpenFile(path, reinterpret_cast<Handle*>(file), flags, out, /*frozen=*/true);
    };
    v.xDelete = [](sqlite3_vfs*, const char*, int) { return SQLITE_READONLY; };
    sqlite3_vfs_register(&v, /*makeDflt=*/0);
    return &v;
  }();
  return vfs->zName;
}

int RealFile::Open(const char* path, int flags, int* out_flags, std::unique_ptr<RealFile>& file) {
  std::unique_ptr<RealFile> opened(new RealFile(Below()->szOsFile));
  const int result = Below()->xOpen(Below(), path, opened->file_, flags, out_flags);
  if (result == SQLITE_OK) file = std::move(opened);
  return result;
}

RealFile::~RealFile() {
  if (file_->pMethods != nullptr) file_->pMethods->xClose(file_);
}

int RealFile::Read(void* to, int size, int64_t at) {
  return file_->pMethods->xRead(file_, to, size, at);
}

int RealFile::Write(const void* from, int size, int64_t at) {
  return file_->pMethods->xWrite(file_, from, size, at);
}

int RealFile::Sync(int flags) { return file_->pMethods->xSync(file_, flags); }

int RealFile::Size(int64_t& size) {
  sqlite3_int64 bytes = 0;
  const int result = file_->pMethods->xFileSize(file_, &bytes);
  size = bytes;
  return result;
}

absl::StatusOr<std::string> ReadRealFile(const std::string& path, int64_t most) {
  const FileName name(path);
  int exists = 0;
  if (Below()->xAccess(Below(), name.c_str(), SQLITE_ACCESS_EXISTS, &exists) != SQLITE_OK ||
      exists == 0) {
    return absl::NotFoundError(absl::StrCat(path, " is missing"));
  }
  std::unique_ptr<RealFile> file;
  int result =
      RealFile::Open(name.c_str(), SQLITE_OPEN_READONLY | SQLITE_OPEN_SUPER_JOURNAL, nullptr, file);
  int64_t size = 0;
  if (result == SQLITE_OK) result = file->Size(size);
  std::string bytes(static_cast<size_t>(std::min(size, most)), '\0');
  if (result == SQLITE_OK && !bytes.empty()) {
    result = file->Read(bytes.data(), static_cast<int>(bytes.size()), 0);
  }
  if (result != SQLITE_OK) {
    return absl::InternalError(absl::StrCat(path, " cannot be read: ", sqlite3_errstr(result),
                                            " (SQLite error ", result, ")"));
  }
  return bytes;
}

VfsFile& VfsFile::Of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file)->object; }

void VfsFile::NoteSyncFailed() {
  if (sync_failed_ == nullptr || sync_failed_->exchange(true)) return;
  spdlog::critical("a sync of the database or its log has failed: nothing is written any more");
}

int VfsFile::Truncate(int64_t size) { return real_->methods()->xTruncate(real_->file(), size); }

int VfsFile::Control(int operation, void* argument) {
  return real_->methods()->xFileControl(real_->file(), operation, argument);
}

int ReportDamage(std::string what) {
  damage_report = std::move(what);
  return SQLITE_IOERR_DATA;
}

std::string TakeDamageReport() { return std::exchange(damage_report, std::string()); }

}  // namespace tarea
