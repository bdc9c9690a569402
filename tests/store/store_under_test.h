#ifndef TAREA_TESTS_STORE_STORE_UNDER_TEST_H_
#define TAREA_TESTS_STORE_STORE_UNDER_TEST_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "master/store/store.h"

namespace tarea {

// A store that is fresh when it is made, in a place of its own, and gone with this object.
class StoreUnderTest {
 public:
  virtual ~StoreUnderTest() = default;

  virtual Store& store() = 0;
  // What a restart of the master does: closes the store and opens it again. References to the old
  // one are void.
  virtual void Reopen() = 0;
};

// One kind of store. A new one is added to AllStores and has to pass every test there is.
struct StoreKind {
  std::string name;  // letters only: part of the names of tests
  std::function<std::unique_ptr<StoreUnderTest>(const StoreLimits&)> make;
};

StoreKind MemoryKind();
StoreKind SqliteKind();
std::vector<StoreKind> AllStores();

}  // namespace tarea

#endif  // TAREA_TESTS_STORE_STORE_UNDER_TEST_H_
