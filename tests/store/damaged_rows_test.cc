// A database that SQLite takes for sound and no store has written: a number flipped in a page, a
// row that somebody deleted. Whoever meets it is told; nothing is believed that cannot be.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "master/store/id_pairs.h"
#include "master/store/sqlite_connection.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

const absl::Time kNow = absl::FromUnixSeconds(2'000'000);

ClaimRequest ClaimOne() {
  ClaimRequest request;
  request.worker = "w";
  request.queues = {"default"};
  return request;
}

class DamagedRows : public testing::Test {
 protected:
  // Three tasks: one READY, one that runs, one SCHEDULED.
  void SetUp() override {
    Open();
    InsertRequest request;
    request.tasks.resize(3);
    for (TaskSpec& spec : request.tasks) spec.type = "a";
    request.tasks[1].priority = 1;
    request.tasks[2].delay = absl::Hours(1);
    auto transaction = store_->Begin();
    ASSERT_TRUE(transaction->Insert(kNow, request).ok());
    ASSERT_TRUE(transaction->Claim(kNow, absl::Minutes(1), ClaimOne()).ok());
    ASSERT_TRUE(transaction->Commit().ok());
  }

  void Open() {
    SqliteOptions options;
    options.data_dir = dir_.path();
    options.durability = Durability::kOs;
    auto store = SqliteStore::Open(options);
    opened_ = store.status();
    store_.reset();
    if (store.ok()) store_ = *std::move(store);
  }

  // Closes the store, changes what is in the database, and opens it again.
  void Change(const std::string& sql) {
    store_.reset();
    {
      // With checksums that are right: it is what the pages say that is wrong.
      SqliteConnection connection(dir_.path() + "/tarea.db", SQLite::OPEN_READWRITE);
      EXPECT_GT(connection.db().exec(sql), 0) << sql;
    }
    Open();
  }

  template <typename Verb>
  absl::Status Run(Verb verb) {
    auto transaction = store_->Begin();
    const absl::Status status = verb(*transaction);
    // The transaction is lost with it.
    EXPECT_EQ(transaction->Commit().code(), status.code());
    return status;
  }

  static void ExpectDamaged(const absl::Status& status, const std::string& what) {
    EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(what));
  }

  TempDir dir_;
  absl::Status opened_;
  std::unique_ptr<Store> store_;
};

TEST_F(DamagedRows, AVersionBelowZeroIsRefused) {
  store_.reset();
  SqliteConnection(dir_.path() + "/tarea.db", SQLite::OPEN_READWRITE)
      .db()
      .exec("PRAGMA user_version = -9");
  Open();
  ExpectDamaged(opened_, "its schema version is -9");
}

TEST_F(DamagedRows, ANumberThatNobodyCountedToIsNotCountedOnFrom) {
  Change("UPDATE meta SET last_task = 9223372036854775807");
  ExpectDamaged(opened_, "last_task is 9223372036854775807");
}

TEST_F(DamagedRows, AnEpochWhoseLeasesNoNumberCanHoldIsRefused) {
  Change("UPDATE meta SET epoch = 4194303");
  ExpectDamaged(opened_, "epoch is 4194304");
}

TEST_F(DamagedRows, CountsWhoseSumNoNumberCanHoldAreRefused) {
  Change("UPDATE lanes SET succeeded = 9223372036854775807 / 2");
  ExpectDamaged(opened_, "succeeded is 4611686018427387903");
}

TEST_F(DamagedRows, AStateThatThereIsNotIsNotCounted) {
  Change("UPDATE states SET state = 77 WHERE state = 2");
  ASSERT_TRUE(opened_.ok()) << opened_;
  ExpectDamaged(store_->GetTask(3).status(), "the state of a task is 77");
  TaskQuery ready;
  ready.states = {TaskState::kReady};
  ExpectDamaged(store_->ListTasks(ready).status(), "is 77");
  ExpectDamaged(Run([](auto& t) { return t.Cancel(kNow, {.ids = {3}}, "").status(); }), "is 77");
}

TEST_F(DamagedRows, ATaskThatIsStoredAsRunningIsRefused) {
  Change("UPDATE states SET state = 4 WHERE state = 2");
  ExpectDamaged(store_->GetTask(3).status(), "the state of a task is 4");
}

TEST_F(DamagedRows, ATaskOfNoQueueIsTold) {
  Change("UPDATE tasks SET lane_id = 5 WHERE id = 1");
  ASSERT_TRUE(opened_.ok()) << opened_;
  ExpectDamaged(store_->ListTasks({}).status(), "task 1 has no queue");
  ExpectDamaged(Run([](auto& t) { return t.Cancel(kNow, {.ids = {1}}, "").status(); }),
                "task 1 is READY and not in the table ready");
}

TEST_F(DamagedRows, ATaskThatRunsTwiceIsTold) {
  Change(
      "INSERT INTO claims SELECT id + 1, worker, started_at, lease_until, first_task, "
      "first_lease, last_task, tasks FROM claims");
  ExpectDamaged(opened_, "task 2 runs twice");
}

TEST_F(DamagedRows, ARunOfReadyTasksThatEndsBeforeItBeginsIsNotTaken) {
  Change("UPDATE ready SET first_id = 1000");
  ASSERT_TRUE(opened_.ok()) << opened_;
  ExpectDamaged(Run([](auto& t) { return t.Claim(kNow, absl::Minutes(1), ClaimOne()).status(); }),
                "ends before it begins");
}

TEST_F(DamagedRows, AStateWithoutItsTaskIsTold) {
  Change("UPDATE states SET start_by = 1, state = 3 WHERE id = 3; DELETE FROM tasks WHERE id = 3");
  ASSERT_TRUE(opened_.ok()) << opened_;
  ExpectDamaged(Run([](auto& t) { return t.Advance(kNow, 10).status(); }),
                "there is no row of task 3");
}

TEST(IdPairs, EndAtANumberThatThereIsNot) {
  EXPECT_THAT(DecodeIdPairs({5, 7}, "0:0,2:1"), ElementsAre(IdPair{5, 7}, IdPair{7, 8}));
  EXPECT_THAT(DecodeIdPairs({5, 7}, "0:0,9223372036854775807:1,1:1"), ElementsAre(IdPair{5, 7}));
  EXPECT_THAT(DecodeIdPairs({5, -7}, "0:-9223372036854775808"), IsEmpty());
}

}  // namespace
}  // namespace tarea
