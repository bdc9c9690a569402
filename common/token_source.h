#ifndef TAREA_COMMON_TOKEN_SOURCE_H_
#define TAREA_COMMON_TOKEN_SOURCE_H_

#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

namespace tarea {

// The token that a worker or a client shows to a master ("master token create"): fixed, or in a
// file that is read again when it changes. Never in the words of a command line, which all users of
// a machine can see. Thread-safe.
class TokenSource {
 public:
  // INVALID_ARGUMENT: it is no token.
  static absl::StatusOr<std::shared_ptr<TokenSource>> FromText(absl::string_view token);
  // Errors of ReadSecretFile, or as above.
  static absl::StatusOr<std::shared_ptr<TokenSource>> FromFile(const std::string& path);

  // The token as it is now. Of a file that has become wrong, the last one that was good; the log
  // has the reason.
  std::string Token() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  TokenSource(std::string path, std::string token, struct stat seen);

  const std::string path_;  // empty: fixed

  absl::Mutex mu_;
  std::string token_ ABSL_GUARDED_BY(mu_);
  struct stat seen_ ABSL_GUARDED_BY(mu_);  // the file as it was when it was read last
};

}  // namespace tarea

#endif  // TAREA_COMMON_TOKEN_SOURCE_H_
