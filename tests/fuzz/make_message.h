#ifndef TAREA_TESTS_FUZZ_MAKE_MESSAGE_H_
#define TAREA_TESTS_FUZZ_MAKE_MESSAGE_H_

#include <google/protobuf/message.h>

#include "tests/fuzz/fuzz_input.h"

namespace tarea {

// Sets fields of `message`, which the input chooses, to values that it chooses: those that mean
// something to Tarea more often than others. Texts may be no UTF-8, enums no value of their kind.
void MakeMessage(FuzzInput& input, google::protobuf::Message& message);

}  // namespace tarea

#endif  // TAREA_TESTS_FUZZ_MAKE_MESSAGE_H_
