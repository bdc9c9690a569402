// What a loss of power leaves: only what was synced. A VFS in front of SQLite's own keeps, for each
// file, a copy of it as of its last sync; losing power puts those copies in place of the files.

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/synchronization/notification.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "master/store/sqlite_store.h"
#include "tests/store/store_files.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

namespace fs = std::filesystem;
const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

std::string SyncedCopy(const std::string& path) { return path + ".synced"; }

// A file: SQLite's own, and its name. SQLite sees the methods; the rest lies behind them.
struct SyncedFile {
  sqlite3_file base;
  const char* path;  // SQLite keeps it while the file is open
  sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

SyncedFile* Of(sqlite3_file* file) { return reinterpret_cast<SyncedFile*>(file); }
sqlite3_file* Real(sqlite3_file* file) { return Of(file)->real(); }

// Whether each sync fails from now on, or each of the database itself.
std::atomic<bool> fail_syncs = false;
std::atomic<bool> fail_syncs_of_database = false;
std::atomic<bool> disk_is_full = false;
std::atomic<bool> mark_is_full = false;

// Called once, when the next commit is to be seen by others but has not returned.
std::function<void()> on_visible;

bool IsMark(const char* path) { return path != nullptr && absl::EndsWith(path, "-mark"); }

bool FailsSync(const char* path) {
  return fail_syncs ||
         (fail_syncs_of_database && path != nullptr && absl::EndsWith(path, "/tarea.db"));
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
      if (disk_is_full || (mark_is_full && IsMark(Of(f)->path))) return SQLITE_FULL;
      return Real(f)->pMethods->xWrite(Real(f), data, size, at);
    };
    m.xTruncate = [](sqlite3_file* f, sqlite3_int64 size) {
      return Real(f)->pMethods->xTruncate(Real(f), size);
    };
    m.xSync = [](sqlite3_file* f, int flags) {
      if (FailsSync(Of(f)->path)) return SQLITE_IOERR_FSYNC;
      const int rc = Real(f)->pMethods->xSync(Real(f), flags);
      if (rc == SQLITE_OK && Of(f)->path != nullptr) {
        fs::copy_file(Of(f)->path, SyncedCopy(Of(f)->path), fs::copy_options::overwrite_existing);
      }
      return rc;
    };
    m.xFileSize = [](sqlite3_file* f, sqlite3_int64* size) {
      return Real(f)->pMethods->xFileSize(Real(f), size);
    };
    m.xLock = [](sqlite3_file* f, int lock) { return Real(f)->pMethods->xLock(Real(f), lock); };
    m.xUnlock = [](sqlite3_file* f, int lock) { return Real(f)->pMethods->xUnlock(Real(f), lock); };
    m.xCheckReservedLock = [](sqlite3_file* f, int* out) {
      return Real(f)->pMethods->xCheckReservedLock(Real(f), out);
    };
    m.xFileControl = [](sqlite3_file* f, int op, void* arg) {
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
      const int rc = Real(f)->pMethods->xShmLock(Real(f), offset, n, flags);
      // The first lock is that of who writes.
      if (offset == 0 && flags == (SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE) && on_visible) {
        std::exchange(on_visible, nullptr)();
      }
      return rc;
    };
    m.xShmBarrier = [](sqlite3_file* f) { Real(f)->pMethods->xShmBarrier(Real(f)); };
    m.xShmUnmap = [](sqlite3_file* f, int remove) {
      return Real(f)->pMethods->xShmUnmap(Real(f), remove);
    };
    return m;
  }();
  return &methods;
}

// Makes the VFS the default of this process; it forwards all but what is above.
void InstallVfs() {
  static sqlite3_vfs* const real = sqlite3_vfs_find(nullptr);
  static sqlite3_vfs vfs = [] {
    sqlite3_vfs v = *real;
    v.zName = "synced-copies";
    v.szOsFile = static_cast<int>(sizeof(SyncedFile)) + real->szOsFile;
    v.xOpen = [](sqlite3_vfs*, const char* path, sqlite3_file* file, int flags, int* out) {
      std::memset(file, 0, sizeof(SyncedFile));
      const int rc = real->xOpen(real, path, Real(file), flags, out);
      Of(file)->path = path;
      if (rc == SQLITE_OK) file->pMethods = Methods();
      return rc;
    };
    return v;
  }();
  sqlite3_vfs_register(&vfs, /*makeDflt=*/1);
}

class PowerLoss : public testing::TestWithParam<Durability> {
 protected:
  void SetUp() override {
    InstallVfs();
    Open();
  }

  void Open() {
    SqliteOptions options;
    options.data_dir = dir_.path();
    options.durability = GetParam();
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
    ASSERT_TRUE(store.ok()) << store.status();
    store_ = *std::move(store);
  }

  // What was not synced is gone. (Closing the store may sync; the copies are taken before that.)
  void LosePower() {
    std::map<std::string, std::string> kept;
    for (const char* name : {"tarea.db", "tarea.db-wal", "tarea.db-mark"}) {
      const std::string path = dir_.path() + "/" + name;
      if (fs::exists(SyncedCopy(path))) {
        fs::copy_file(SyncedCopy(path), path + ".kept", fs::copy_options::overwrite_existing);
      }
    }
    store_.reset();
    for (const char* name : {"tarea.db", "tarea.db-wal", "tarea.db-mark", "tarea.db-shm"}) {
      const std::string path = dir_.path() + "/" + name;
      fs::remove(path);
      if (fs::exists(path + ".kept")) fs::rename(path + ".kept", path);
    }
    Open();
  }

  // The files as they are now, without what closing the store does to them.
  void KillAndOpen() {
    const StoreFiles files = ReadStoreFiles(dir_.path());
    store_.reset();
    WriteStoreFiles(dir_.path(), files);
    Open();
  }

  static TaskId InsertInto(Store::Transaction& transaction) {
    InsertRequest request;
    request.tasks.resize(1);
    request.tasks[0].type = "echo";
    return transaction.Insert(kNow, request)->first_task_id;
  }

  TaskId Insert() {
    const auto transaction = store_->Begin();
    const TaskId id = InsertInto(*transaction);
    EXPECT_TRUE(transaction->Commit().ok());
    EXPECT_TRUE(store_->MakeDurable().ok());
    return id;
  }

  // In one transaction.
  absl::Status InsertMebibytes(int count) {
    InsertRequest request;
    request.tasks.resize(count);
    for (TaskSpec& task : request.tasks) {
      task.type = "echo";
      task.payload = std::string(1 << 20, 'x');
    }
    const auto transaction = store_->Begin();
    const absl::Status status = transaction->Insert(kNow, request).status();
    return status.ok() ? transaction->Commit() : status;
  }

  std::vector<LeasedTask> Claim(int max_tasks = 1) {
    ClaimRequest request;
    request.max_tasks = max_tasks;
    request.worker = "w";
    request.queues = {"default"};
    const auto transaction = store_->Begin(Sync::kLater);
    const auto tasks = transaction->Claim(kNow, absl::Seconds(30), request);
    EXPECT_TRUE(transaction->Commit().ok());
    return *tasks;
  }

  TempDir dir_;
  std::unique_ptr<Store> store_;
};

using WithFsync = PowerLoss;
INSTANTIATE_TEST_SUITE_P(Default, WithFsync, testing::Values(Durability::kFsync));

TEST_P(WithFsync, WhatWasAcknowledgedIsStillThere) {
  std::vector<TaskId> acknowledged;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 10; ++i) acknowledged.push_back(Insert());
    LosePower();
    for (const TaskId id : acknowledged) {
      EXPECT_TRUE(store_->GetTask(id).ok()) << "task " << id << " in round " << round;
    }
  }
}

TEST_P(WithFsync, WhatSomebodyHasReadIsStillThere) {
  const auto transaction = store_->Begin();
  const TaskId id = InsertInto(*transaction);
  ASSERT_TRUE(transaction->Commit().ok());
  ASSERT_TRUE(store_->GetTask(id).ok());
  LosePower();
  EXPECT_TRUE(store_->GetTask(id).ok());
}

TEST_P(WithFsync, WhatSomebodyHasReadOfACommitThatHasNotReturnedIsStillThere) {
  const auto transaction = store_->Begin();
  const TaskId id = InsertInto(*transaction);
  std::thread reader;
  absl::Notification read;
  on_visible = [&] {
    reader = std::thread([&] {
      EXPECT_TRUE(store_->GetTask(id).ok());
      read.Notify();
    });
    // It has to wait for the commit; give it the time not to.
    read.WaitForNotificationWithTimeout(absl::Milliseconds(200));
  };
  ASSERT_TRUE(transaction->Commit().ok());
  ASSERT_TRUE(reader.joinable());
  reader.join();
  LosePower();
  EXPECT_TRUE(store_->GetTask(id).ok());
}

TEST_P(WithFsync, ASyncThatFailedIsNotTriedAgain) {
  const TaskId id = Insert();
  {
    const auto transaction = store_->Begin();
    ASSERT_TRUE(transaction->Cancel(kNow, {.ids = {id}}, "").ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }
  fail_syncs = true;
  EXPECT_TRUE(absl::IsInternal(store_->MakeDurable()));
  fail_syncs = false;
  EXPECT_TRUE(absl::IsInternal(store_->MakeDurable()));
  EXPECT_TRUE(absl::IsInternal(store_->GetTask(id).status()));
}

TEST_P(WithFsync, NothingIsWrittenAfterASyncThatFailed) {
  Insert();
  {
    const auto transaction = store_->Begin();
    InsertInto(*transaction);
    ASSERT_TRUE(transaction->Commit().ok());
  }
  fail_syncs = true;
  EXPECT_TRUE(absl::IsInternal(store_->MakeDurable()));
  fail_syncs = false;
  EXPECT_TRUE(absl::IsInternal(InsertMebibytes(1)));
  // Another process may: it begins with what is really there.
  LosePower();
  EXPECT_EQ(Claim(10).size(), 1u);
  Insert();
}

TEST_P(WithFsync, NothingIsDurableAfterTheLogCouldNotBeBroughtOver) {
  fail_syncs_of_database = true;
  ASSERT_TRUE(InsertMebibytes(20).ok());  // that is done beside the commit
  absl::Status status;
  for (const absl::Time end = absl::Now() + absl::Seconds(10); status.ok() && absl::Now() < end;
       absl::SleepFor(absl::Milliseconds(1))) {
    status = store_->MakeDurable();
  }
  fail_syncs_of_database = false;
  EXPECT_TRUE(absl::IsInternal(status)) << status;
  EXPECT_TRUE(absl::IsInternal(store_->MakeDurable()));
  // That was the connection that brings the log over; the one that commits has to stop as well, or
  // it would do so in its place.
  EXPECT_TRUE(absl::IsInternal(InsertMebibytes(1)));
  const StoreFiles before = ReadStoreFiles(dir_.path());
  store_.reset();
  EXPECT_EQ(ReadStoreFiles(dir_.path()), before);
}

TEST_P(WithFsync, ACommitThatCannotBringTheLogOverFails) {
  fail_syncs_of_database = true;
  const absl::Status status = InsertMebibytes(70);  // so much that it has to do so itself
  fail_syncs_of_database = false;
  EXPECT_TRUE(absl::IsInternal(status)) << status;
}

TEST_P(WithFsync, ACallThatFindsTheDiskFullLeavesNothing) {
  disk_is_full = true;
  EXPECT_TRUE(absl::IsResourceExhausted(InsertMebibytes(80)));  // more than is kept in memory
  disk_is_full = false;
  const TaskId first = Insert();
  const TaskId second = Insert();
  const std::vector<LeasedTask> leased = Claim(100);
  ASSERT_EQ(leased.size(), 2u);
  EXPECT_EQ(leased[0].task_id, first);
  EXPECT_EQ(leased[1].task_id, second);
}

TEST_P(WithFsync, AResultThatWasAcknowledgedIsStillThere) {
  const TaskId id = Insert();
  TaskResult result;
  result.task_id = id;
  result.lease_id = Claim().at(0).lease_id;
  result.result = "42";
  {
    const auto transaction = store_->Begin();
    EXPECT_EQ(transaction->Complete(kNow, {result})->at(0), ResultStatus::kRecorded);
    ASSERT_TRUE(transaction->Commit().ok());
    ASSERT_TRUE(store_->MakeDurable().ok());
  }
  LosePower();
  EXPECT_EQ(store_->GetTask(id)->result, "42");
}

TEST_P(WithFsync, ALeaseThatIsForgottenIsNeverGivenOutAgain) {
  const TaskId id = Insert();
  const LeasedTask before = Claim().at(0);
  LosePower();
  // The claim was not synced, and need not be: the task is given out again ...
  const LeasedTask after = Claim().at(0);
  EXPECT_EQ(after.task_id, id);
  EXPECT_EQ(after.attempt, before.attempt);
  // ... under another lease, so that the result of the first is not taken for one of the second.
  EXPECT_NE(after.lease_id, before.lease_id);
  TaskResult late;
  late.task_id = id;
  late.lease_id = before.lease_id;
  const auto transaction = store_->Begin();
  EXPECT_EQ(transaction->Complete(kNow, {late})->at(0), ResultStatus::kStale);
}

TEST_P(WithFsync, AStartIsOnTheDiskBeforeItsFirstLease) {
  Insert();
  store_.reset();
  Open();
  const LeasedTask before = Claim().at(0);
  LosePower();
  EXPECT_NE(Claim().at(0).lease_id, before.lease_id);
}

// A worker may have been given the task, and have written its id down as done.
TEST_P(WithFsync, AnIdIsNotThatOfAnotherTaskAlthoughItsTaskWasLost) {
  TaskId last = Insert();
  BatchId last_batch = 0;
  for (int round = 0; round < 3; ++round) {
    {
      const auto transaction = store_->Begin();
      const TaskId id = InsertInto(*transaction);
      EXPECT_GT(id, last);
      last = id;
      ASSERT_TRUE(transaction->Commit().ok());
    }
    const LeasedTask leased = Claim(3).back();
    EXPECT_EQ(leased.task_id, last);
    EXPECT_GT(leased.batch_id, last_batch);
    last_batch = leased.batch_id;
    LosePower();
    EXPECT_TRUE(absl::IsNotFound(store_->GetTask(last).status()));
    // It ends before it has given out anything.
    if (round == 1) KillAndOpen();
  }
}

TEST_P(WithFsync, AfterAGoodEndIdsGoOnWithTheNext) {
  const TaskId first = Insert();
  store_.reset();
  Open();
  EXPECT_EQ(Insert(), first + 1);
  KillAndOpen();
  EXPECT_EQ(Insert(), first + LogMark::kFewestReserved + 2);
}

// As above, if an id could not be reserved at first.
TEST_P(WithFsync, WhereNoIdCanBeReservedNothingIsStored) {
  Insert();
  const auto insert = [&] {
    const auto transaction = store_->Begin();
    InsertRequest request;
    request.tasks.resize(LogMark::kFewestReserved + 1);
    for (TaskSpec& task : request.tasks) task.type = "echo";
    EXPECT_TRUE(transaction->Insert(kNow, request).ok());
    return transaction->Commit();
  };
  mark_is_full = true;
  EXPECT_TRUE(absl::IsResourceExhausted(insert()));
  mark_is_full = false;
  EXPECT_EQ(store_->ListTasks(TaskQuery())->tasks.size(), 1u);
  ASSERT_TRUE(insert().ok());
  const TaskId last = Claim(1000).back().task_id;
  LosePower();
  EXPECT_GT(Insert(), last);
}

TEST_P(WithFsync, WhereAReservationIsNotOnTheDiskNothingIsStored) {
  fail_syncs = true;
  const auto transaction = store_->Begin();
  InsertInto(*transaction);
  EXPECT_TRUE(absl::IsInternal(transaction->Commit()));
  fail_syncs = false;
}

using WithOs = PowerLoss;
INSTANTIATE_TEST_SUITE_P(OnRequest, WithOs, testing::Values(Durability::kOs));

TEST_P(WithOs, TheLastTransactionsMayBeLostButTheStoreOpens) {
  const TaskId id = Insert();
  LosePower();
  EXPECT_TRUE(absl::IsNotFound(store_->GetTask(id).status()))
      << "if this is kept, the test cannot tell fsync from os";
  Insert();
}

}  // namespace
}  // namespace tarea
