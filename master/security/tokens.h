#ifndef TAREA_MASTER_SECURITY_TOKENS_H_
#define TAREA_MASTER_SECURITY_TOKENS_H_

#include <sys/stat.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/grant.h"

namespace SQLite {
class Database;
}  // namespace SQLite

// Tokens: words of 256 random bits that say who somebody is. What is kept of one is a hash, in the
// file tokens.db of the data directory, so that neither the file nor a copy of it lets anybody in.
namespace tarea {

// What is known of a token. Its id is its public part, by which it is listed and revoked.
struct TokenInfo {
  std::string id;
  std::string name;
  Grant grant;
  absl::Time created_at;
  absl::Time expires_at = absl::InfiniteFuture();
  absl::Time revoked_at = absl::InfiniteFuture();
};

struct NewToken {
  std::string id;
  std::string secret;  // what its owner shows: "tarea_<id>_<43 characters>"
};

// Thread-safe. Several processes may have the file open: the commands change it while a master
// runs, which knows a new token at once
// and notices within a second that one is revoked.
class Tokens {
 public:
  // Opens the file in `data_dir`; makes both if they are not there.
  //   PERMISSION_DENIED   others may read the file
  //   FAILED_PRECONDITION it cannot be opened, or is something else
  static absl::StatusOr<std::unique_ptr<Tokens>> Open(const std::string& data_dir);

  ~Tokens();

  // INVALID_ARGUMENT: the name, a queue, or a time that is over already.
  absl::StatusOr<NewToken> Create(const std::string& name, const Grant& grant, absl::Time now,
                                  absl::Time expires_at) ABSL_LOCKS_EXCLUDED(mu_);
  // All that were ever made, the oldest first.
  absl::StatusOr<std::vector<TokenInfo>> List() ABSL_LOCKS_EXCLUDED(mu_);
  // Of this id or this name, at least one. Answers how many were not revoked before.
  // NOT_FOUND: there is none.
  absl::StatusOr<int> Revoke(const std::string& id_or_name, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mu_);

  // Whose token it is. UNAUTHENTICATED: it is unknown, expired or revoked, which it says; without
  // the token.
  absl::StatusOr<TokenInfo> Find(absl::string_view secret, absl::Time now) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Known {
    TokenInfo info;
    std::string hash;
  };

  Tokens(std::string path, std::unique_ptr<SQLite::Database> database);

  void ReadAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void ReadIfChanged(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OpenIfReplaced() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  const std::string path_;
  absl::Mutex mu_;
  std::unique_ptr<SQLite::Database> database_ ABSL_GUARDED_BY(mu_);
  struct stat opened_ ABSL_GUARDED_BY(mu_) = {};                        // the file that it has open
  absl::flat_hash_map<std::string, Known> known_ ABSL_GUARDED_BY(mu_);  // by id
  absl::Time looked_at_ ABSL_GUARDED_BY(mu_) = absl::InfinitePast();
  int64_t version_ ABSL_GUARDED_BY(mu_) = -1;  // SQLite's data_version when it was read
};

}  // namespace tarea

#endif  // TAREA_MASTER_SECURITY_TOKENS_H_
