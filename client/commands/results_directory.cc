#include "client/commands/results_directory.h"

#include <errno.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "client/commands/output.h"
#include "common/logging.h"

namespace tarea {
namespace {

constexpr absl::string_view kMarker = "/.tarea";

absl::Status PathError(absl::string_view what, const std::string& path, const std::error_code& e) {
  return absl::UnavailableError(
      absl::StrCat("--results: cannot ", what, " ", Printable(path, 1024), ": ", e.message()));
}

absl::Status WriteFile(const std::string& path, absl::string_view content) {
  errno = 0;
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (file) return absl::OkStatus();
  return PathError("write", path, std::error_code(errno, std::generic_category()));
}

std::string MarkerText(const RunKey& key) {
  return absl::StrCat("batch ", key.batch_id, " created at ", key.created_at, "\n");
}

// "" if there is none.
std::string ReadMarker(const std::string& path) {
  std::ifstream file(absl::StrCat(path, kMarker), std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::string ExitText(const v1::ExecResult& result) {
  if (result.signal() != 0) return absl::StrCat(128 + result.signal(), "\n");
  return result.exit_code() < 0 ? "" : absl::StrCat(result.exit_code(), "\n");
}

}  // namespace

absl::Status ResultsDirectory::CheckFree(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return absl::OkStatus();
  const bool empty = std::filesystem::is_empty(path, error);
  if (error) return PathError("read", path, error);
  if (empty) return absl::OkStatus();
  const std::string marker = ReadMarker(path);
  return absl::FailedPreconditionError(
      absl::StrCat("--results: ", Printable(path, 1024),
                   marker.empty() ? " is not empty" : " holds the results of another run",
                   "; name a directory that is new or empty, or remove this one"));
}

absl::StatusOr<ResultsDirectory> ResultsDirectory::Open(const std::string& path,
                                                        const RunKey& key) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) return PathError("make", path, error);
  if (ReadMarker(path) != MarkerText(key)) {
    if (absl::Status status = CheckFree(path); !status.ok()) return status;
    if (absl::Status status = WriteFile(absl::StrCat(path, kMarker), MarkerText(key));
        !status.ok()) {
      return status;
    }
  }
  return ResultsDirectory(path);
}

absl::Status ResultsDirectory::Write(int64_t number, const v1::Task& task) {
  const std::string target = absl::StrCat(path_, "/", number);
  std::error_code error;
  if (std::filesystem::exists(target, error)) return absl::OkStatus();
  // What a client that was killed left of it may be there.
  const std::string draft = absl::StrCat(path_, "/.", number);
  std::filesystem::create_directory(draft, error);
  if (error) return PathError("make", draft, error);
  v1::ExecResult result;
  if (!result.ParseFromString(task.result())) result.Clear();
  if (task.result().empty()) result.set_exit_code(-1);
  const std::pair<absl::string_view, std::string> files[] = {{"/stdout", result.stdout_data()},
                                                             {"/stderr", result.stderr_data()},
                                                             {"/exit", ExitText(result)},
                                                             {"/task.json", TaskJson(task) + "\n"}};
  for (const auto& [name, content] : files) {
    if (absl::Status status = WriteFile(absl::StrCat(draft, name), content); !status.ok()) {
      return status;
    }
  }
  std::filesystem::rename(draft, target, error);
  return error ? PathError("make", target, error) : absl::OkStatus();
}

}  // namespace tarea
