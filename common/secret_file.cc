#include "common/secret_file.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace tarea {
namespace {

constexpr size_t kMaxBytes = 64 << 10;

struct Close {
  void operator()(FILE* file) const { fclose(file); }
};

}  // namespace

absl::Status CheckSecret(int fd, const std::string& path) {
  struct stat info = {};
  if (fstat(fd, &info) == 0 && (info.st_mode & (S_IRWXG | S_IRWXO)) == 0) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrFormat("%s may be read or changed by others than its owner (its mode is %04o): "
                      "chmod 600 %s",
                      path, info.st_mode & 07777, path));
}

absl::StatusOr<std::string> ReadSecretFile(const std::string& path) {
  const std::unique_ptr<FILE, Close> file(fopen(path.c_str(), "re"));
  if (file == nullptr) {
    const int error = errno;
    const std::string text = absl::StrCat(path, ": ", std::generic_category().message(error));
    return error == ENOENT ? absl::NotFoundError(text) : absl::FailedPreconditionError(text);
  }
  if (absl::Status status = CheckSecret(fileno(file.get()), path); !status.ok()) return status;
  std::string text(kMaxBytes + 1, '\0');
  text.resize(fread(text.data(), 1, text.size(), file.get()));
  if (ferror(file.get()) != 0) {
    return absl::FailedPreconditionError(absl::StrCat(path, " cannot be read"));
  }
  if (text.size() > kMaxBytes) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, " is larger than ", kMaxBytes, " bytes"));
  }
  return text;
}

absl::Status MakePrivateDirectory(const std::string& path) {
  std::error_code error;
  const std::filesystem::path parent = std::filesystem::absolute(path).parent_path();
  std::filesystem::create_directories(parent, error);
  if (!error && mkdir(path.c_str(), S_IRWXU) != 0 && !std::filesystem::is_directory(path)) {
    error.assign(errno, std::generic_category());
  }
  if (!error) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("cannot make the data directory ", path, ": ", error.message(),
                   "; name one that can be written with --data-dir"));
}

}  // namespace tarea
