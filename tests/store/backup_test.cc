// Backups, what becomes of a store that is restored from one, and what `master check` finds.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <atomic>
#include <filesystem>
#include <set>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_maintenance.h"
#include "tests/store/store_files.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(1'000'000);

class Backup : public testing::Test {
 protected:
  std::string file() const { return dir_.path() + "/copy.db"; }

  // Puts a backup where a store of its own finds it.
  std::unique_ptr<Store> Restore(const TempDir& dir) {
    std::filesystem::copy_file(file(), dir.path() + "/tarea.db",
                               std::filesystem::copy_options::overwrite_existing);
    absl::StatusOr<std::unique_ptr<Store>> store = OpenStore(dir.path());
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? *std::move(store) : nullptr;
  }

  static std::vector<LeaseId> Claim(Store& store, int tasks) {
    ClaimRequest request;
    request.worker = "w";
    request.queues = {"default"};
    request.max_tasks = tasks;
    const auto transaction = store.Begin();
    const auto leased = transaction->Claim(kNow, absl::Hours(1), request);
    EXPECT_TRUE(transaction->Commit().ok());
    std::vector<LeaseId> leases;
    for (const LeasedTask& task : *leased) leases.push_back(task.lease_id);
    return leases;
  }

  // Runs SQL on a database past everything that watches over it, but for the checksums.
  static void Sql(const std::string& path, const char* sql) {
    SqliteConnection connection(path, SQLite::OPEN_READWRITE | SQLite::OPEN_NOMUTEX);
    connection.db().exec(sql);
  }

  const TempDir dir_{MemoryDirectory()};     // where copies go
  const TempDir source_{MemoryDirectory()};  // the data directory
};

TEST_F(Backup, HasAllThatWasThereAndIsSound) {
  for (const LeftBehind* left : {&LeftByKill(), &LeftByEnd()}) {
    WriteStoreFiles(source_.path(), left->files);
    const absl::StatusOr<BackupReport> report = BackUp(source_.path(), file());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->batches, 6);
    EXPECT_EQ(static_cast<size_t>(report->bytes), std::filesystem::file_size(file()));
    EXPECT_TRUE(ReadStoreFiles(source_.path()) == left->files) << "it has changed something";
    const absl::StatusOr<CheckReport> check = CheckFile(file());
    ASSERT_TRUE(check.ok()) << check.status();
    EXPECT_THAT(check->damage, IsEmpty());
    EXPECT_THAT(check->notes, IsEmpty());
    const TempDir restored(MemoryDirectory());
    EXPECT_EQ(ReadAll(*Restore(restored)), left->content);
    std::filesystem::remove(file());
  }
}

TEST_F(Backup, IsOfOneMomentWhileTheStoreGoesOn) {
  const std::unique_ptr<Store> store = *OpenStore(source_.path());
  FillStore(*store, 0);
  std::atomic<bool> stop = false;
  // In each transaction as many in one queue as in the other.
  std::thread writer([&] {
    while (!stop) {
      InsertRequest request;
      request.tasks.resize(2);
      for (TaskSpec& task : request.tasks) task.type = "echo";
      request.tasks[0].queue = "left";
      request.tasks[1].queue = "right";
      request.tasks[1].payload = std::string(5'000, 'x');
      const auto transaction = store->Begin();
      EXPECT_TRUE(transaction->Insert(kNow, request).ok());
      EXPECT_TRUE(transaction->Commit().ok());
      EXPECT_TRUE(store->MakeDurable().ok());
    }
  });
  for (int i = 0; i < 10; ++i) {
    const absl::StatusOr<BackupReport> report = BackUp(source_.path(), file());
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_THAT(CheckFile(file())->damage, IsEmpty());
    const TempDir restored(MemoryDirectory());
    std::map<std::string, int64_t> tasks;
    const std::unique_ptr<Store> copy = Restore(restored);
    const absl::StatusOr<std::vector<Queue>> queues = copy->ListQueues();
    ASSERT_TRUE(queues.ok()) << queues.status();
    for (const Queue& queue : *queues) tasks[queue.name] = queue.counts.Total();
    EXPECT_EQ(tasks["left"], tasks["right"]);
    std::filesystem::remove(file());
  }
  stop = true;
  writer.join();
}

TEST_F(Backup, NeverTakesThePlaceOfAFile) {
  WriteStoreFiles(source_.path(), LeftByEnd().files);
  WriteStoreFiles(dir_.path(), {{"copy.db", "precious"}});
  EXPECT_TRUE(absl::IsAlreadyExists(BackUp(source_.path(), file()).status()));
  WriteStoreFiles(dir_.path(), {{"copy.db.partial", "precious"}});
  const absl::Status status = BackUp(source_.path(), file()).status();
  EXPECT_TRUE(absl::IsAlreadyExists(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("copy.db.partial"));
  EXPECT_EQ(ReadStoreFiles(dir_.path()), (StoreFiles{{"copy.db.partial", "precious"}}));
}

TEST_F(Backup, OfADamagedDatabaseFailsAndLeavesNothing) {
  StoreFiles files = LeftByEnd().files;
  std::string& bytes = files.at("tarea.db");
  bytes[bytes.size() - 2'000] = static_cast<char>(bytes[bytes.size() - 2'000] ^ 1);
  WriteStoreFiles(source_.path(), files);
  const absl::Status status = BackUp(source_.path(), file()).status();
  EXPECT_TRUE(absl::IsDataLoss(status)) << status;
  EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr("page "), HasSubstr("tarea.db")));
  EXPECT_THAT(ReadStoreFiles(dir_.path()), IsEmpty());
}

TEST_F(Backup, OfNothingSaysSo) {
  EXPECT_TRUE(absl::IsNotFound(BackUp(source_.path(), file()).status()));
  EXPECT_TRUE(absl::IsNotFound(BackUp(source_.path() + "/none", file()).status()));
  EXPECT_TRUE(absl::IsNotFound(CheckDataDir(source_.path()).status()));
  EXPECT_TRUE(absl::IsNotFound(CheckFile(file()).status()));
  EXPECT_THAT(ReadStoreFiles(dir_.path()), IsEmpty());
}

// A worker may still have a task of what was lost, and report it to the master that was restored.
TEST_F(Backup, LeasesThatWereGivenOutAfterItAreNeverGivenOutAgain) {
  std::unique_ptr<Store> store = *OpenStore(source_.path());
  FillStore(*store, 0);
  ASSERT_TRUE(BackUp(source_.path(), file()).ok());
  std::set<LeaseId> given_out;
  size_t leases = 0;
  const auto claim = [&](Store& from) {
    for (const LeaseId lease : Claim(from, 3)) given_out.insert(lease);
    leases += 3;
  };
  claim(*store);
  for (int restart = 0; restart < 3; ++restart) {
    store.reset();
    store = *OpenStore(source_.path());
    claim(*store);
  }
  // Restored twice, and started twice each time.
  for (int time = 0; time < 2; ++time) {
    const TempDir restored(MemoryDirectory());
    claim(*Restore(restored));
    claim(**OpenStore(restored.path()));
  }
  EXPECT_EQ(given_out.size(), leases);
}

TEST_F(Backup, ARestoredStoreCountsItsEpochsOneByOneFromThenOn) {
  { const std::unique_ptr<Store> store = *OpenStore(source_.path()); }
  ASSERT_TRUE(BackUp(source_.path(), file()).ok());
  const TempDir restored(MemoryDirectory());
  Restore(restored).reset();
  const auto epoch = [&] {
    SqliteConnection connection(restored.path() + "/tarea.db", SQLite::OPEN_READONLY);
    return connection.PragmaInt("SELECT epoch FROM meta");
  };
  const int64_t first = epoch();
  OpenStore(restored.path())->reset();
  EXPECT_EQ(epoch(), first + 1);
}

// --- master check
// --------------------------------------------------------------------------------------

TEST_F(Backup, ACheckOfWhatAMasterRunsOnIsRefused) {
  const std::unique_ptr<Store> store = *OpenStore(source_.path());
  const absl::Status status = CheckDataDir(source_.path()).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("a master runs"), HasSubstr("--file")));
}

// Its lanes have no bytes yet.
TEST_F(Backup, OneOfTheVersionBeforeIsCheckedTooAndBroughtUpToDate) {
  WriteStoreFiles(source_.path(), LeftByEnd().files);
  std::vector<Queue> before;
  {
    const std::unique_ptr<Store> store = *OpenStore(source_.path());
    before = *store->ListQueues();
  }
  int64_t bytes = 0;
  for (const Queue& queue : before) bytes += queue.unfinished_bytes;
  ASSERT_GT(bytes, 0);
  Sql(source_.path() + "/tarea.db",
      "ALTER TABLE lanes DROP COLUMN unfinished_bytes; PRAGMA user_version = 3");
  EXPECT_THAT(CheckDataDir(source_.path())->damage, IsEmpty());
  {
    const std::unique_ptr<Store> store = *OpenStore(source_.path());
    EXPECT_EQ(*store->ListQueues(), before);
  }
  EXPECT_THAT(CheckDataDir(source_.path())->damage, IsEmpty());
}

struct Contradiction {
  const char* sql;
  const char* found;
};

class Contradictions : public Backup, public testing::WithParamInterface<Contradiction> {};

TEST_P(Contradictions, AreFoundByACheck) {
  WriteStoreFiles(source_.path(), LeftByEnd().files);
  Sql(source_.path() + "/tarea.db", GetParam().sql);
  const absl::StatusOr<CheckReport> report = CheckDataDir(source_.path());
  ASSERT_TRUE(report.ok()) << report.status();
  ASSERT_FALSE(report->damage.empty());
  EXPECT_THAT(report->damage, testing::Contains(HasSubstr(GetParam().found)));
}

INSTANTIATE_TEST_SUITE_P(
    Each, Contradictions,
    testing::Values(
        Contradiction{"UPDATE batches SET ready = ready + 1 WHERE id = 2", "counts of batch 2"},
        Contradiction{"UPDATE lanes SET running = running - 1 WHERE id = 1", "counts of queue"},
        Contradiction{"UPDATE lanes SET unfinished_bytes = unfinished_bytes + 1 WHERE id = 1",
                      "bytes of queue"},
        Contradiction{"DELETE FROM tasks WHERE id = 1", "counts of batch 1"},
        Contradiction{"DELETE FROM ready WHERE last_id = (SELECT max(last_id) FROM ready)",
                      "is ready, but not listed"},
        Contradiction{"UPDATE ready SET last_id = last_id + 1 WHERE "
                      "last_id = (SELECT max(last_id) FROM ready)",
                      "listed as ready"},
        Contradiction{"INSERT INTO claims SELECT id + 1000, worker, started_at, lease_until, "
                      "first_task, first_lease, last_task, tasks FROM claims LIMIT 1",
                      "is claimed twice"},
        Contradiction{"DELETE FROM finished WHERE batch_id = 3", "not listed so in its batch"},
        Contradiction{"DELETE FROM keys", "keys are taken"},
        Contradiction{"UPDATE meta SET last_task = 5", "the last one given out is 5"},
        Contradiction{"UPDATE meta SET last_batch = 5", "the last one given out is 5"},
        Contradiction{"UPDATE meta SET epoch = 0", "has a lease of epoch"},
        Contradiction{"UPDATE segments SET batch_id = 77 WHERE batch_id = 4",
                      "not listed in its batch 4"},
        Contradiction{"INSERT INTO labels VALUES ('a', 'b', 100000)", "table labels"}));

}  // namespace
}  // namespace tarea
