#include "tests/simulation/simulated_disk.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <utility>
#include <vector>

namespace tarea {
namespace {

// What a disk writes whole or not at all.
constexpr int64_t kSector = 512;

}  // namespace

struct SimulatedDisk::File {
  // Since the last sync.
  struct Change {
    int64_t at = 0;     // of a write; the new size of a truncation
    std::string bytes;  // of a write
    bool truncates = false;
  };

  std::string bytes;    // as a reader sees it
  std::string durable;  // as of the last sync
  std::vector<Change> changes;
  bool dropped = false;  // `bytes` has something that is neither durable nor among the changes

  static void Apply(std::string& bytes, const Change& change) {
    const auto at = static_cast<size_t>(change.at);
    if (change.truncates) {
      bytes.resize(std::min(bytes.size(), at));
      return;
    }
    if (bytes.size() < at + change.bytes.size()) bytes.resize(at + change.bytes.size());
    bytes.replace(at, change.bytes.size(), change.bytes);
  }

  // --- Locks of who has it open (sqlite.org/lockingv3.html); all are of this process
  int shared = 0;
  const Handle* reserved = nullptr;  // or more
  const Handle* exclusive = nullptr;
  // --- The index of the log, which SQLite shares
  using Region = std::array<std::byte, 32768>;  // the size that SQLite asks for
  std::vector<std::unique_ptr<Region>> regions;
  struct SharedLock {
    int shared = 0;
    bool exclusive = false;
  };
  std::array<SharedLock, SQLITE_SHM_NLOCK> shared_locks;
  int mapped = 0;  // by so many handles
};

struct SimulatedDisk::Handle {
  sqlite3_file base;  // SQLite sees this
  SimulatedDisk* disk;
  std::shared_ptr<File> file;
  int lock = SQLITE_LOCK_NONE;
  bool mapped = false;
};

int SimulatedDisk::Allow(int failure) {
  if (stopped_) return failure;
  ++calls_;
  const bool is_sync = failure == SQLITE_IOERR_FSYNC;
  if ((fail_at_ != 0 && calls_ >= fail_at_) || (is_sync && fail_sync_)) {
    fail_at_ = 0;
    fail_sync_ = false;
    return failure;
  }
  if (full_ && !is_sync) {
    ++refused_for_space_;
    return SQLITE_FULL;
  }
  return SQLITE_OK;
}

// What SQLite calls. The names are its own.
struct SimulatedDisk::Methods {
  static Handle& Of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
  static SimulatedDisk& Of(sqlite3_vfs* vfs) { return *static_cast<SimulatedDisk*>(vfs->pAppData); }

  // --- A file
  static int Close(sqlite3_file* f) {
    Unlock(f, SQLITE_LOCK_NONE);
    ShmUnmap(f, 0);
    Of(f).~Handle();
    return SQLITE_OK;
  }
  static int Read(sqlite3_file* f, void* out, int size, sqlite3_int64 at) {
    const std::string& bytes = Of(f).file->bytes;
    const int64_t there =
        std::clamp<int64_t>(static_cast<int64_t>(bytes.size()) - at, 0, int64_t{size});
    if (there > 0) std::memcpy(out, bytes.data() + at, static_cast<size_t>(there));
    if (there == size) return SQLITE_OK;
    std::memset(static_cast<char*>(out) + there, 0, static_cast<size_t>(size - there));
    return SQLITE_IOERR_SHORT_READ;
  }
  static int Change(sqlite3_file* f, File::Change change, int failure) {
    if (const int rc = Of(f).disk->Allow(failure); rc != SQLITE_OK) return rc;
    File::Apply(Of(f).file->bytes, change);
    Of(f).file->changes.push_back(std::move(change));
    return SQLITE_OK;
  }
  static int Write(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
    return Change(f, {at, std::string(static_cast<const char*>(data), static_cast<size_t>(size))},
                  SQLITE_IOERR_WRITE);
  }
  static int Truncate(sqlite3_file* f, sqlite3_int64 size) {
    return Change(f, {size, "", true}, SQLITE_IOERR_TRUNCATE);
  }
  static int Sync(sqlite3_file* f, int /*flags*/) {
    File& file = *Of(f).file;
    if (const int rc = Of(f).disk->Allow(SQLITE_IOERR_FSYNC); rc != SQLITE_OK) {
      if (!Of(f).disk->stopped_) Of(f).disk->Drop(file);
      return rc;
    }
    for (const File::Change& change : file.changes) File::Apply(file.durable, change);
    file.changes.clear();
    return SQLITE_OK;
  }
  static int FileSize(sqlite3_file* f, sqlite3_int64* size) {
    *size = static_cast<sqlite3_int64>(Of(f).file->bytes.size());
    return SQLITE_OK;
  }
  static int FileControl(sqlite3_file* /*f*/, int /*op*/, void* /*arg*/) { return SQLITE_NOTFOUND; }
  static int SectorSize(sqlite3_file* /*f*/) { return 4096; }
  static int DeviceCharacteristics(sqlite3_file* /*f*/) { return SQLITE_IOCAP_POWERSAFE_OVERWRITE; }

  // --- Locks
  static int Lock(sqlite3_file* f, int lock) {
    Handle& self = Of(f);
    File& file = *self.file;
    if (self.lock >= lock) return SQLITE_OK;
    if (file.exclusive != nullptr && file.exclusive != &self) return SQLITE_BUSY;
    if (lock == SQLITE_LOCK_SHARED) {
      ++file.shared;
      self.lock = lock;
      return SQLITE_OK;
    }
    if (file.reserved != nullptr && file.reserved != &self) return SQLITE_BUSY;
    file.reserved = &self;
    if (self.lock < SQLITE_LOCK_RESERVED) self.lock = SQLITE_LOCK_RESERVED;
    if (lock == SQLITE_LOCK_EXCLUSIVE) {
      if (file.shared > 1) return SQLITE_BUSY;
      file.exclusive = &self;
      self.lock = lock;
    }
    return SQLITE_OK;
  }
  static int Unlock(sqlite3_file* f, int lock) {
    Handle& self = Of(f);
    File& file = *self.file;
    if (self.lock <= lock) return SQLITE_OK;
    if (file.reserved == &self) file.reserved = nullptr;
    if (file.exclusive == &self) file.exclusive = nullptr;
    if (lock == SQLITE_LOCK_NONE) --file.shared;
    self.lock = lock;
    return SQLITE_OK;
  }
  static int CheckReservedLock(sqlite3_file* f, int* out) {
    *out = Of(f).file->reserved != nullptr ? 1 : 0;
    return SQLITE_OK;
  }

  // --- The index of the log
  static int ShmMap(sqlite3_file* f, int region, int size, int extend, void volatile** out) {
    Handle& self = Of(f);
    File& file = *self.file;
    if (!std::exchange(self.mapped, true)) ++file.mapped;
    *out = nullptr;
    if (size != static_cast<int>(sizeof(File::Region))) return SQLITE_IOERR_SHMMAP;
    const auto wanted = static_cast<size_t>(region) + 1;
    if (file.regions.size() < wanted && extend == 0) return SQLITE_OK;
    while (file.regions.size() < wanted) {
      file.regions.push_back(std::make_unique<File::Region>());
    }
    *out = file.regions[wanted - 1]->data();
    return SQLITE_OK;
  }
  static int ShmLock(sqlite3_file* f, int offset, int n, int flags) {
    std::array<File::SharedLock, SQLITE_SHM_NLOCK>& locks = Of(f).file->shared_locks;
    const bool locks_it = (flags & SQLITE_SHM_LOCK) != 0;
    const bool exclusive = (flags & SQLITE_SHM_EXCLUSIVE) != 0;
    if (locks_it) {
      for (int i = offset; i < offset + n; ++i) {
        const File::SharedLock& lock = locks[static_cast<size_t>(i)];
        if (lock.exclusive || (exclusive && lock.shared > 0)) return SQLITE_BUSY;
      }
    }
    for (int i = offset; i < offset + n; ++i) {
      File::SharedLock& lock = locks[static_cast<size_t>(i)];
      if (exclusive) {
        lock.exclusive = locks_it;
      } else {
        lock.shared += locks_it ? 1 : -1;
      }
    }
    return SQLITE_OK;
  }
  static void ShmBarrier(sqlite3_file* /*f*/) {}
  static int ShmUnmap(sqlite3_file* f, int /*remove*/) {
    Handle& self = Of(f);
    if (std::exchange(self.mapped, false) && --self.file->mapped == 0) self.file->regions.clear();
    return SQLITE_OK;
  }

  // --- The disk
  static int Open(sqlite3_vfs* vfs, const char* path, sqlite3_file* f, int flags, int* out_flags) {
    static const sqlite3_io_methods methods = {
        .iVersion = 2,
        .xClose = Close,
        .xRead = Read,
        .xWrite = Write,
        .xTruncate = Truncate,
        .xSync = Sync,
        .xFileSize = FileSize,
        .xLock = Lock,
        .xUnlock = Unlock,
        .xCheckReservedLock = CheckReservedLock,
        .xFileControl = FileControl,
        .xSectorSize = SectorSize,
        .xDeviceCharacteristics = DeviceCharacteristics,
        .xShmMap = ShmMap,
        .xShmLock = ShmLock,
        .xShmBarrier = ShmBarrier,
        .xShmUnmap = ShmUnmap,
        .xFetch = nullptr,
        .xUnfetch = nullptr,
    };
    f->pMethods = nullptr;
    SimulatedDisk& disk = Of(vfs);
    std::shared_ptr<File> file;
    if (path == nullptr) {
      file = std::make_shared<File>();  // one that nobody else opens
    } else {
      const auto it = disk.files_.find(path);
      if (it == disk.files_.end() && ((flags & SQLITE_OPEN_CREATE) == 0 || disk.stopped_)) {
        return SQLITE_CANTOPEN;
      }
      file = it != disk.files_.end() ? it->second : (disk.files_[path] = std::make_shared<File>());
    }
    new (f) Handle{{&methods}, &disk, std::move(file)};
    if (out_flags != nullptr) *out_flags = flags;
    return SQLITE_OK;
  }
  static int Delete(sqlite3_vfs* vfs, const char* path, int /*sync*/) {
    if (Of(vfs).stopped_) return SQLITE_IOERR_DELETE;
    return Of(vfs).files_.erase(path) > 0 ? SQLITE_OK : SQLITE_IOERR_DELETE_NOENT;
  }
  static int Access(sqlite3_vfs* vfs, const char* path, int /*flags*/, int* out) {
    *out = Of(vfs).files_.count(path) > 0 ? 1 : 0;
    return SQLITE_OK;
  }
  static int FullPathname(sqlite3_vfs* /*vfs*/, const char* path, int size, char* out) {
    sqlite3_snprintf(size, out, "%s", path);
    return SQLITE_OK;
  }
  static int Randomness(sqlite3_vfs* vfs, int size, char* out) {
    for (int i = 0; i < size; ++i) out[i] = static_cast<char>(Of(vfs).Below(256));
    return size;
  }
  static int Sleep(sqlite3_vfs* /*vfs*/, int micros) { return micros; }
  static int CurrentTimeInt64(sqlite3_vfs* /*vfs*/, sqlite3_int64* now) {
    *now = 0;
    return SQLITE_OK;
  }
  static int GetLastError(sqlite3_vfs* /*vfs*/, int /*size*/, char* /*out*/) { return 0; }
};

SimulatedDisk::SimulatedDisk(uint64_t seed) : random_(seed), vfs_(std::make_unique<sqlite3_vfs>()) {
  *vfs_ = {};
  vfs_->iVersion = 2;
  vfs_->szOsFile = sizeof(Handle);
  vfs_->mxPathname = 1024;
  vfs_->zName = "simulated-disk";
  vfs_->pAppData = this;
  vfs_->xOpen = Methods::Open;
  vfs_->xDelete = Methods::Delete;
  vfs_->xAccess = Methods::Access;
  vfs_->xFullPathname = Methods::FullPathname;
  vfs_->xRandomness = Methods::Randomness;
  vfs_->xSleep = Methods::Sleep;
  vfs_->xGetLastError = Methods::GetLastError;
  vfs_->xCurrentTimeInt64 = Methods::CurrentTimeInt64;
  sqlite3_vfs_register(vfs_.get(), /*makeDflt=*/1);
  sqlite3_randomness(0, nullptr);  // begins anew, with numbers from here
}

SimulatedDisk::~SimulatedDisk() { sqlite3_vfs_unregister(vfs_.get()); }

bool SimulatedDisk::Survives() { return Below(100) < survival_percent_; }

void SimulatedDisk::KeepSome(File& file) {
  for (const File::Change& change : std::exchange(file.changes, {})) {
    if (change.truncates) {
      if (Survives()) File::Apply(file.durable, change);
      continue;
    }
    const auto size = static_cast<int64_t>(change.bytes.size());
    for (int64_t from = 0; from < size;) {
      const int64_t to = std::min(size, (((change.at + from) / kSector) + 1) * kSector - change.at);
      if (Survives()) {
        File::Apply(file.durable,
                    {change.at + from, change.bytes.substr(static_cast<size_t>(from),
                                                           static_cast<size_t>(to - from))});
      }
      from = to;
    }
  }
  file.bytes = file.durable;
}

void SimulatedDisk::Drop(File& file) {
  for (const File::Change& change : std::exchange(file.changes, {})) {
    if (Below(2) == 0) File::Apply(file.durable, change);
  }
  file.dropped = true;
}

void SimulatedDisk::Forget() {
  for (const auto& [path, file] : files_) {
    if (!std::exchange(file->dropped, false) || Below(2) == 0) continue;
    ++times_forgotten_;
    file->bytes = file->durable;
    for (const File::Change& change : file->changes) File::Apply(file->bytes, change);
  }
}

void SimulatedDisk::LosePower() {
  // All is gone, all has made it, or anything in between.
  const int64_t dice = Below(4);
  survival_percent_ = dice == 0 ? 0 : dice == 1 ? 100 : Below(101);
  for (const auto& [path, file] : files_) KeepSome(*file);
}

void SimulatedDisk::Restart() {
  Forget();
  stopped_ = false;
  full_ = false;
  fail_at_ = 0;
  fail_sync_ = false;
}

}  // namespace tarea
