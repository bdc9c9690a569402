// A database that is damaged, or that somebody has written to. The input is a list of changes to a
// small one that is good: to its bytes, to those of its log, or to its rows. The store refuses it
// with a reason, or works with it as well as it can.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "master/store/sqlite_store.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/fuzz/small_database.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr int kMaxPages = 50;

// Asks a store all that it can be asked. Anything may be the answer.
class User {
 public:
  explicit User(Store& store) : store_(store) {
    const absl::Time last = store.last_time();
    // A damaged database may be of any time.
    if (last > now_ && last < now_ + absl::Hours(1'000'000)) now_ = last;
  }

  void Read() {
    for (int kind = 0; kind < 4; ++kind) {
      TaskQuery query;
      query.newest_first = kind == 1;
      query.batch_id = kind == 2 ? 1 : 0;
      if (kind == 3) query.labels = {{"colour", "red"}};
      query.with_payload = query.with_result = true;
      for (int pages = 0; pages < kMaxPages; ++pages) {
        const absl::StatusOr<TaskPage> page = store_.ListTasks(query);
        if (!Worked(page) || page->next == 0) break;
        query.after = page->next;
      }
    }
    TaskQuery failed;
    failed.states = {TaskState::kFailed};
    Worked(store_.ListTasks(failed));
    for (TaskId id = 1; id <= 12; ++id) Worked(store_.GetTask(id));
    for (BatchId id = 1; id <= 3; ++id) Worked(store_.ListFinished(id, 0, 100, true));
    Worked(store_.ListBatches(0, 10));
    Worked(store_.ListQueues());
    Worked(store_.CountBatches());
    Worked(store_.NextDue());
  }

  void Write() {
    Run([&](auto& t) { return t.ExtendLeases(now_ + absl::Seconds(1)); });
    std::vector<Lease> leases;
    std::vector<TaskResult> results;
    Run([&](auto& t) {
      const auto leased = t.Claim(now_, absl::Seconds(5), SmallDatabase::Claim(5));
      if (!leased.ok()) return leased.status();
      for (const LeasedTask& task : *leased) {
        leases.push_back({task.task_id, task.lease_id});
        TaskResult& result = results.emplace_back();
        result.task_id = task.task_id;
        result.lease_id = task.lease_id;
        result.outcome = static_cast<ResultOutcome>(1 + results.size() % 5);
      }
      return leased.status();
    });
    for (TaskId id = 1; id <= 12; ++id) leases.push_back({id, 1});
    Run([&](auto& t) { return t.Renew(now_, absl::Seconds(5), leases).status(); });
    Run([&](auto& t) { return t.Complete(now_, results).status(); });
    now_ += absl::Minutes(10);
    Run([&](auto& t) { return t.Advance(now_, 100).status(); });
    Run([&](auto& t) { return t.Insert(now_, SmallDatabase::Request()).status(); });
    Run([&](auto& t) { return t.Cancel(now_, {.ids = {1, 2, 3}}, "why").status(); });
    Run([&](auto& t) { return t.Retry(now_, {.ids = {4, 5, 6, 7}}).status(); });
    Run([&](auto& t) { return t.Cancel(now_, {.ids = {}, .batch_id = 1}, "why").status(); });
    Run([&](auto& t) { return t.Retry(now_, {.ids = {}, .batch_id = 1}).status(); });
    Run([&](auto& t) { return t.SetPaused("q", false); });
    Run([&](auto& t) { return t.Advance(now_, 2).status(); });
    now_ += absl::Hours(100);
    Run([&](auto& t) { return t.Advance(now_, 100).status(); });
    Run([&](auto& t) { return t.Purge(now_, now_, 100).status(); });
  }

 private:
  template <typename T>
  static bool Worked(const absl::StatusOr<T>& answer) {
    return Worked(answer.status());
  }
  static bool Worked(const absl::Status& status) {
    if (!status.ok()) CheckError(status);
    return status.ok();
  }

  template <typename Verb>
  void Run(Verb verb) {
    std::unique_ptr<Store::Transaction> transaction = store_.Begin();
    Worked(verb(*transaction));
    Worked(transaction->Commit());
  }

  Store& store_;
  absl::Time now_ = SmallDatabase::Now();
};

}  // namespace
}  // namespace tarea

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarea;
  static const auto* const good = new SmallDatabase();
  const TempDir dir;
  FuzzInput input(data, size);
  good->MakeChanged(input, dir.path());

  SqliteOptions options;
  options.data_dir = dir.path();
  options.durability = Durability::kOs;
  options.readers = 1;
  options.limits.max_lanes = 8;
  for (int start = 0; start < 2; ++start) {
    const absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options);
    if (!store.ok()) {
      CheckError(store.status());
      return 0;
    }
    User user(**store);
    user.Read();
    if (start == 0) user.Write();
  }
  return 0;
}
