#ifndef TAREA_TESTS_SUPPORT_TEMP_DIR_H_
#define TAREA_TESTS_SUPPORT_TEMP_DIR_H_

#include <stdlib.h>

#include <filesystem>
#include <string>

namespace tarea {

// Where files are in memory, if the machine has such a place: for tests that open hundreds of
// stores and would spend their time waiting for the disk. Only for small ones.
inline std::filesystem::path MemoryDirectory() {
  std::error_code ignored;
  return std::filesystem::is_directory("/dev/shm", ignored)
             ? std::filesystem::path("/dev/shm")
             : std::filesystem::temp_directory_path();
}

// A directory of its own for one test, gone with this object.
class TempDir {
 public:
  explicit TempDir(const std::filesystem::path& parent = std::filesystem::temp_directory_path()) {
    std::string pattern = (parent / "tarea-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) abort();
    path_ = pattern;
  }
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;
  ~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }

  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace tarea

#endif  // TAREA_TESTS_SUPPORT_TEMP_DIR_H_
