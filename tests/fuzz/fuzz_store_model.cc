// The bytes decide which verbs are run on the model and on the SQLite store, which must give the
// same answers.

#include <cstddef>
#include <cstdint>

#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/store/model_twins.h"
#include "tests/store/store_under_test.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tarea;
  FuzzInput input(data, size);
  Twins twins(MemoryKind(), SqliteKind(), input);
  twins.Run(1000);
  FUZZ_CHECK(twins.difference().empty(), twins.difference());
  return 0;
}
