// A loss of power may leave any part of what was not synced: sectors of some writes and not of
// others, in no order. A store must start on whatever is left, with all that was acknowledged: what
// is torn is no damage. The VFS here keeps for each file what was synced, and the writes since; to
// lose power is to put the former in place, with a part of the latter.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

namespace fs = std::filesystem;
const absl::Time kNow = absl::FromUnixSeconds(1'000'000);
constexpr size_t kSector = 512;

// --- A disk that forgets
// -------------------------------------------------------------------------------

struct Write {
  size_t at = 0;
  std::string bytes;
  bool truncate = false;  // to `at`
};

struct Disk {
  absl::Mutex mu;
  std::map<std::string, std::string> synced;
  std::map<std::string, std::vector<Write>> unsynced;
};

Disk& TheDisk() {
  static Disk* const disk = new Disk();
  return *disk;
}

void Apply(const Write& write, std::string& bytes) {
  if (write.truncate) {
    bytes.resize(std::min(bytes.size(), write.at));
    return;
  }
  bytes.resize(std::max(bytes.size(), write.at + write.bytes.size()));
  bytes.replace(write.at, write.bytes.size(), write.bytes);
}

// What is left of a file: of each sector of each unsynced write with this chance.
std::string Left(const std::string& synced, const std::vector<Write>& unsynced, double chance,
                 std::mt19937& random) {
  std::string bytes = synced;
  std::bernoulli_distribution keep(chance);
  for (const Write& write : unsynced) {
    if (write.truncate) {
      if (keep(random)) Apply(write, bytes);
      continue;
    }
    for (size_t at = 0; at < write.bytes.size();) {
      const size_t size = std::min(write.bytes.size() - at, kSector - (write.at + at) % kSector);
      if (keep(random)) Apply({write.at + at, write.bytes.substr(at, size)}, bytes);
      at += size;
    }
  }
  return bytes;
}

// --- The VFS
// -------------------------------------------------------------------------------------------

struct DiskFile {
  sqlite3_file base;
  const char* path;  // null: a temporary file
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

sqlite3_file* Real(sqlite3_file* file) { return reinterpret_cast<DiskFile*>(file)->real(); }
const char* Path(sqlite3_file* file) { return reinterpret_cast<DiskFile*>(file)->path; }

void Remember(sqlite3_file* file, Write write) {
  if (Path(file) == nullptr) return;
  absl::MutexLock lock(&TheDisk().mu);
  TheDisk().unsynced[Path(file)].push_back(std::move(write));
}

int SyncFile(sqlite3_file* file, int flags) {
  if (Path(file) == nullptr) return Real(file)->pMethods->xSync(Real(file), flags);
  absl::MutexLock lock(&TheDisk().mu);
  std::vector<Write>& unsynced = TheDisk().unsynced[Path(file)];
  for (const Write& write : unsynced) Apply(write, TheDisk().synced[Path(file)]);
  unsynced.clear();
  return SQLITE_OK;
}

const sqlite3_io_methods* Methods() {
  static const sqlite3_io_methods methods = [] {
    sqlite3_io_methods m = {};
    m.iVersion = 2;
    m.xClose = [](sqlite3_file* f) { return Real(f)->pMethods->xClose(Real(f)); };
    m.xRead = [](sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
      return Real(f)->pMethods->xRead(Real(f), data, size, at);
    };
    m.xWrite = [](sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
      const int result = Real(f)->pMethods->xWrite(Real(f), data, size, at);
      Remember(f, {static_cast<size_t>(at),
                   std::string(static_cast<const char*>(data), static_cast<size_t>(size))});
      return result;
    };
    m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      const int result = Real(f)->pMethods->xTruncate(Real(f), size);
      Remember(f, {static_cast<size_t>(size), "", true});
      return result;
    };
    m.xSync = SyncFile;
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return Real(f)->pMethods->xFileSize(Real(f), size);
    };
    m.xLock = [](sqlite3_file* f, int lock) { return Real(f)->pMethods->xLock(Real(f), lock); };
    m.xUnlock = [](sqlite3_file* f, int lock) { return Real(f)->pMethods->xUnlock(Real(f), lock); };
    m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
      // It would write to the file past what is kept here.
      if (op == SQLITE_FCNTL_SIZE_HINT) return SQLITE_OK;
      return Real(f)->pMethods->xFileControl(Real(f), op, arg);
    };
    m.xSectorSize = [](sqlite3_file* f) { return Real(f)->pMethods->xSectorSize(Real(f)); };
    m.xDeviceCharacteristics = [](sqlite3_file* f) {
      return Real(f)->pMethods->xDeviceCharacteristics(Real(f));
    };
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

// Makes it the default of this process.
void InstallVfs() {
  static sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs v = *real;
    v.zName = "forgetful";
    v.szOsFile = static_cast<int>(sizeof(DiskFile)) + real->szOsFile;
    v.xOpen = [](sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out) {
      std::memset(file, 0, sizeof(DiskFile));
      const int result = real->xOpen(real, path, Real(file), flags, out);
      reinterpret_cast<DiskFile*>(file)->path = path;
      if (result == SQLITE_OK) file->pMethods = Methods();
      return result;
    };
    v.xDelete = [](sqlite3_vfs*, const char* path, int sync) {
      absl::MutexLock lock(&TheDisk().mu);
      TheDisk().synced.erase(path);
      TheDisk().unsynced.erase(path);
      return real->xDelete(real, path, sync);
    };
    return v;
  }();
  sqlite3_vfs_register(&vfs, /*makeDflt=*/1);
}

// --- The tests
// -----------------------------------------------------------------------------------------

class TornLog : public testing::TestWithParam<int> {
 protected:
  TornLog() : random_(static_cast<unsigned>(GetParam())) { InstallVfs(); }

  void Open(Durability durability, int log_pages = 4000) {
    SqliteOptions options;
    options.data_dir = dir_.path();
    options.durability = durability;
    options.readers = 1;
    options.log_pages = log_pages;
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // The files are those of before the store was closed.
  void LosePower() {
    std::map<std::string, std::string> left;
    const double chance = std::uniform_real_distribution<double>(0, 1)(random_);
    {
      absl::MutexLock lock(&TheDisk().mu);
      for (const auto& [path, writes] : TheDisk().unsynced) TheDisk().synced[path];
      for (const auto& [path, synced] : TheDisk().synced) {
        left[path] = Left(synced, TheDisk().unsynced[path], chance, random_);
      }
    }
    store_.reset();
    for (const fs::directory_entry& entry : fs::directory_iterator(dir_.path())) {
      fs::remove(entry.path());
    }
    absl::MutexLock lock(&TheDisk().mu);
    for (const auto& [path, bytes] : left) std::ofstream(path, std::ios::binary) << bytes;
    TheDisk().synced = std::move(left);
    TheDisk().unsynced.clear();
  }

  int Below(int end) { return std::uniform_int_distribution<int>(0, end - 1)(random_); }

  void ExpectAcknowledged() {
    for (const auto& [id, payload] : acknowledged_) {
      const absl::StatusOr<Task> task = store_->GetTask(id);
      ASSERT_TRUE(task.ok()) << task.status();
      ASSERT_TRUE(task->spec.payload == payload) << "task " << id;
    }
  }

  void Insert(bool make_durable) {
    InsertRequest request;
    request.tasks.resize(static_cast<size_t>(1 + Below(3)));
    for (TaskSpec& task : request.tasks) {
      task.type = "echo";
      task.payload =
          std::string(static_cast<size_t>(Below(9'000)), static_cast<char>('a' + Below(26)));
    }
    const auto transaction = store_->Begin();
    const auto answer = transaction->Insert(kNow, request);
    ASSERT_TRUE(answer.ok()) << answer.status();
    ASSERT_TRUE(transaction->Commit().ok());
    if (!make_durable) return;
    ASSERT_TRUE(store_->MakeDurable().ok());
    for (size_t i = 0; i < request.tasks.size(); ++i) {
      acknowledged_[answer->first_task_id + static_cast<TaskId>(i)] = request.tasks[i].payload;
    }
  }

  TempDir dir_{MemoryDirectory()};
  std::mt19937 random_;
  std::unique_ptr<Store> store_;
  std::map<TaskId, std::string> acknowledged_;
};

TEST_P(TornLog, AStoreStartsAfterALossOfPowerWithAllThatWasAcknowledged) {
  Open(Durability::kFsync);
  for (int loss = 0; loss < 10 && !HasFatalFailure(); ++loss) {
    SCOPED_TRACE(absl::StrCat("loss ", loss));
    for (int i = Below(12); i >= 0; --i) Insert(/*make_durable=*/Below(3) != 0);
    LosePower();
    Open(Durability::kFsync);
    if (HasFatalFailure()) return;
    ExpectAcknowledged();
  }
}

TEST_P(TornLog, AStoreWithDurabilityOsStartsAfterALossOfPower) {
  Open(Durability::kOs);
  for (int loss = 0; loss < 5 && !HasFatalFailure(); ++loss) {
    SCOPED_TRACE(absl::StrCat("loss ", loss));
    for (int i = Below(12); i >= 0; --i) Insert(/*make_durable=*/true);
    LosePower();
    Open(Durability::kOs);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, TornLog, testing::Range(1, 31));

// The log is short, so that it begins anew in place all the time, and what it holds is a mixture of
// two times.
using LogThatBeginsAnew = TornLog;

TEST_P(LogThatBeginsAnew, IsNotTakenForADamagedOne) {
  constexpr int kShortLog = 20;  // pages
  Open(Durability::kFsync, kShortLog);
  for (int loss = 0; loss < 10 && !HasFatalFailure(); ++loss) {
    SCOPED_TRACE(absl::StrCat("loss ", loss));
    for (int i = 10 + Below(30); i >= 0; --i) Insert(/*make_durable=*/Below(3) != 0);
    LosePower();
    Open(Durability::kFsync, kShortLog);
    if (HasFatalFailure()) return;
    ExpectAcknowledged();
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, LogThatBeginsAnew, testing::Range(1, 31));

}  // namespace
}  // namespace tarea
