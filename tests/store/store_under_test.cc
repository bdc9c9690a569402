#include "tests/store/store_under_test.h"

#include <stdexcept>
#include <utility>

#include "absl/status/statusor.h"
#include "master/store/memory_store.h"
#include "master/store/sqlite_store.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

class MemoryUnderTest : public StoreUnderTest {
 public:
  explicit MemoryUnderTest(const StoreLimits& limits) : store_(limits) {}
  Store& store() override { return store_; }
  void Reopen() override { store_.Restart(); }

 private:
  MemoryStore store_;
};

class SqliteUnderTest : public StoreUnderTest {
 public:
  explicit SqliteUnderTest(const StoreLimits& limits) {
    options_.data_dir = dir_.path();
    options_.durability = Durability::kOs;  // no test pulls the plug
    options_.limits = limits;
    options_.readers = 2;
    Open();
  }
  Store& store() override { return *store_; }
  void Reopen() override {
    store_.reset();
    Open();
  }

 private:
  void Open() {
    absl::StatusOr<std::unique_ptr<SqliteStore>> store = SqliteStore::Open(options_);
    if (!store.ok()) throw std::runtime_error(store.status().ToString());
    store_ = *std::move(store);
  }

  TempDir dir_;
  SqliteOptions options_;
  std::unique_ptr<SqliteStore> store_;
};

}  // namespace

StoreKind MemoryKind() {
  return {"Memory",
          [](const StoreLimits& limits) { return std::make_unique<MemoryUnderTest>(limits); }};
}

StoreKind SqliteKind() {
  return {"Sqlite",
          [](const StoreLimits& limits) { return std::make_unique<SqliteUnderTest>(limits); }};
}

std::vector<StoreKind> AllStores() { return {MemoryKind(), SqliteKind()}; }

}  // namespace tarea
