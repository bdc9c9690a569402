#ifndef TAREA_TESTS_CHAOS_IO_CONTROL_H_
#define TAREA_TESTS_CHAOS_IO_CONTROL_H_

#include <atomic>
#include <cstdint>

namespace tarea {

// What io_faults.cc, in the master, is to do: a file that both map. Zeros mean nothing.
struct IoControl {
  // Count down with each write or sync of a file below the data directory. Who brings one to zero
  // does what it says, once.
  std::atomic<int32_t> fail_write{0};        // EIO
  std::atomic<int32_t> fail_sync{0};         // EIO
  std::atomic<int32_t> kill_before_sync{0};  // SIGKILL to itself
  std::atomic<int32_t> kill_after_sync{0};   // the same: committed, not answered
  // Not 0: writes are answered ENOSPC.
  std::atomic<int32_t> full{0};
  // How many of the errors and kills were carried out.
  std::atomic<int32_t> carried_out{0};
};
static_assert(std::atomic<int32_t>::is_always_lock_free, "shared between processes");

// Names of the variables that tell io_faults.cc where the file is, and whose files are meant.
inline constexpr char kIoControlVariable[] = "CHAOS_IO_CONTROL";
inline constexpr char kIoDirectoryVariable[] = "CHAOS_IO_DIRECTORY";

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_IO_CONTROL_H_
