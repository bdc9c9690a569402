#ifndef TAREA_TESTS_CHAOS_HASH_H_
#define TAREA_TESTS_CHAOS_HASH_H_

#include <cstdint>

#include "absl/strings/string_view.h"

namespace tarea {

// FNV-1a: the same in each process of a run. Never 0, which histories use for "none".
inline uint64_t HashOf(absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char byte : bytes) {
    hash ^= static_cast<unsigned char>(byte);
    hash *= 0x100000001b3u;
  }
  return hash == 0 ? 1 : hash;
}

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_HASH_H_
