#include "master/security/tokens.h"

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/ids.h"
#include "common/logging.h"
#include "common/secret_file.h"

namespace tarea {
namespace {

constexpr char kFile[] = "tokens.db";
// "toke", so that the file says what it is.
constexpr int kApplicationId = 0x746f6b65;
constexpr int kBusyMs = 5000;
constexpr absl::Duration kLookEvery = absl::Seconds(1);

constexpr absl::string_view kPrefix = "tarea_";
constexpr size_t kIdBytes = 6;
constexpr size_t kSecretBytes = 32;
constexpr size_t kMaxNameBytes = 64;

constexpr char kTable[] = R"(CREATE TABLE tokens(
  id         TEXT PRIMARY KEY,
  hash       BLOB NOT NULL,     -- SHA-256 of all that its owner shows
  name       TEXT NOT NULL,
  role       TEXT NOT NULL,
  queues     TEXT NOT NULL,     -- with commas; empty: all
  created_at INTEGER NOT NULL,  -- seconds since 1970, as are the others
  expires_at INTEGER,           -- null: never
  revoked_at INTEGER            -- null: it is not
) STRICT)";

// Runs `use`; what SQLite throws becomes FAILED_PRECONDITION.
absl::Status Try(absl::FunctionRef<void()> use) {
  try {
    use();
    return absl::OkStatus();
  } catch (const SQLite::Exception& e) {
    return absl::FailedPreconditionError(absl::StrCat("the file of the tokens: ", e.what()));
  }
}

absl::Status SystemError(const std::string& what) {
  const int error = errno;
  return absl::FailedPreconditionError(
      absl::StrCat(what, ": ", std::generic_category().message(error)));
}

std::string RandomBytes(size_t count) {
  std::string bytes(count, '\0');
  // It fails only where the system has no randomness at all.
  if (RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    spdlog::critical("no random bytes to be had");
    std::abort();
  }
  return bytes;
}

std::string Hash(absl::string_view secret) {
  std::string hash(EVP_MAX_MD_SIZE, '\0');
  unsigned int size = 0;
  if (EVP_Digest(secret.data(), secret.size(), reinterpret_cast<unsigned char*>(hash.data()), &size,
                 EVP_sha256(), nullptr) != 1) {
    size = 0;  // equal to nothing that is stored
  }
  hash.resize(size);
  return hash;
}

// In a time that does not depend on where they differ.
bool IsSame(absl::string_view a, absl::string_view b) {
  return !a.empty() && a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// "tarea_<id>_<secret>": the id; empty if it is nothing of the kind.
absl::string_view IdOf(absl::string_view secret) {
  if (!absl::ConsumePrefix(&secret, kPrefix)) return "";
  const absl::string_view id = secret.substr(0, secret.find('_'));
  return id.size() == 2 * kIdBytes ? id : "";
}

void Prepare(SQLite::Database& database, const std::string& path) {
  database.setBusyTimeout(kBusyMs);
  SQLite::Transaction transaction(database, SQLite::TransactionBehavior::IMMEDIATE);
  const int id = database.execAndGet("PRAGMA application_id").getInt();
  if (id == kApplicationId) return;
  if (id != 0 || database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() != 0) {
    throw SQLite::Exception(path + " is no file of tokens");
  }
  database.exec(absl::StrCat("PRAGMA application_id = ", kApplicationId));
  database.exec(kTable);
  transaction.commit();
}

absl::Time TimeAt(const SQLite::Column& column) {
  return column.isNull() ? absl::InfiniteFuture() : absl::FromUnixSeconds(column.getInt64());
}

// Nothing for what somebody has written there by hand: such a token lets nobody in.
std::optional<Grant> GrantAt(const SQLite::Column& role, const SQLite::Column& queues) {
  const absl::StatusOr<Role> parsed = ParseRole(role.getString());
  Grant grant;
  if (const std::string names = queues.getString(); !names.empty()) {
    grant.queues = absl::StrSplit(names, ',');
  }
  if (!parsed.ok() || !CheckQueues(grant).ok()) return std::nullopt;
  grant.role = *parsed;
  return grant;
}

std::string Day(absl::Time time) {
  return absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", time, absl::UTCTimeZone());
}

absl::Status CheckNew(const std::string& name, const std::string& id, const Grant& grant,
                      absl::Time now, absl::Time expires_at) {
  if (!IsName(name, kMaxNameBytes, "._@:-")) {
    return absl::InvalidArgumentError(absl::StrCat("the name '", Printable(name, 64),
                                                   "' is not 1 to ", kMaxNameBytes,
                                                   " of letters, digits and . _ @ : -"));
  }
  if (name.size() == 2 * kIdBytes && absl::c_all_of(name, absl::ascii_isxdigit) && name != id) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the name '", name, "' looks like a token's id; revoking could not tell them apart"));
  }
  if (absl::Status status = CheckQueues(grant); !status.ok()) return status;
  if (expires_at <= now) {
    return absl::InvalidArgumentError(
        absl::StrCat("it would have expired on ", Day(expires_at), "; give it time from now on"));
  }
  return absl::OkStatus();
}

}  // namespace

Tokens::Tokens(std::string path, std::unique_ptr<SQLite::Database> database)
    : path_(std::move(path)), database_(std::move(database)) {}
Tokens::~Tokens() = default;

absl::StatusOr<std::unique_ptr<Tokens>> Tokens::Open(const std::string& data_dir) {
  if (absl::Status status = MakePrivateDirectory(data_dir); !status.ok()) return status;
  const std::string path = absl::StrCat(data_dir, "/", kFile);
  // SQLite would make a file that others can read; its journals take over the file's mode.
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (fd < 0) return SystemError(path);
  absl::Status status = CheckSecret(fd, path);
  close(fd);
  std::unique_ptr<Tokens> tokens;
  status.Update(Try([&] {
    auto database = std::make_unique<SQLite::Database>(path, SQLite::OPEN_READWRITE);
    Prepare(*database, path);
    tokens.reset(new Tokens(path, std::move(database)));
    absl::MutexLock lock(&tokens->mu_);
    if (stat(path.c_str(), &tokens->opened_) != 0) throw SQLite::Exception(path + " is gone");
    tokens->ReadAll();
  }));
  if (!status.ok()) return status;
  return tokens;
}

absl::StatusOr<NewToken> Tokens::Create(const std::string& name, const Grant& grant, absl::Time now,
                                        absl::Time expires_at) {
  NewToken made;
  made.id = absl::BytesToHexString(RandomBytes(kIdBytes));
  made.secret =
      absl::StrCat(kPrefix, made.id, "_", absl::WebSafeBase64Escape(RandomBytes(kSecretBytes)));
  const std::string& its_name = name.empty() ? made.id : name;
  if (absl::Status status = CheckNew(its_name, made.id, grant, now, expires_at); !status.ok()) {
    return status;
  }
  const std::string hash = Hash(made.secret);
  absl::MutexLock lock(&mu_);
  absl::Status status = Try([&] {
    mu_.AssertHeld();
    SQLite::Statement insert(*database_,
                             "INSERT INTO tokens(id, hash, name, role, queues, created_at, "
                             "expires_at) VALUES (?, ?, ?, ?, ?, ?, ?)");
    insert.bind(1, made.id);
    insert.bind(2, hash.data(), static_cast<int>(hash.size()));
    insert.bind(3, its_name);
    insert.bind(4, std::string(RoleName(grant.role)));
    insert.bind(5, absl::StrJoin(grant.queues, ","));
    insert.bind(6, absl::ToUnixSeconds(now));
    if (expires_at != absl::InfiniteFuture()) insert.bind(7, absl::ToUnixSeconds(expires_at));
    insert.exec();
    ReadAll();
  });
  if (!status.ok()) return status;
  return made;
}

absl::StatusOr<std::vector<TokenInfo>> Tokens::List() {
  absl::MutexLock lock(&mu_);
  if (absl::Status status = Try([this] {
        mu_.AssertHeld();
        ReadAll();
      });
      !status.ok()) {
    return status;
  }
  std::vector<TokenInfo> tokens;
  for (const auto& [id, known] : known_) tokens.push_back(known.info);
  std::sort(tokens.begin(), tokens.end(), [](const TokenInfo& a, const TokenInfo& b) {
    return std::tie(a.created_at, a.id) < std::tie(b.created_at, b.id);
  });
  return tokens;
}

absl::StatusOr<int> Tokens::Revoke(const std::string& id_or_name, absl::Time now) {
  int revoked = 0;
  bool found = false;
  absl::MutexLock lock(&mu_);
  absl::Status status = Try([&] {
    mu_.AssertHeld();
    SQLite::Statement count(*database_, "SELECT count(*) FROM tokens WHERE id = ?1 OR name = ?1");
    count.bind(1, id_or_name);
    found = count.executeStep() && count.getColumn(0).getInt() > 0;
    SQLite::Statement update(*database_,
                             "UPDATE tokens SET revoked_at = ?2 "
                             "WHERE (id = ?1 OR name = ?1) AND revoked_at IS NULL");
    update.bind(1, id_or_name);
    update.bind(2, absl::ToUnixSeconds(now));
    revoked = update.exec();
    ReadAll();
  });
  if (!status.ok()) return status;
  if (!found) {
    return absl::NotFoundError(absl::StrCat("there is no token with the id or the name '",
                                            Printable(id_or_name, 64),
                                            "'; \"master token list\" shows them"));
  }
  return revoked;
}

absl::StatusOr<TokenInfo> Tokens::Find(absl::string_view secret, absl::Time now) {
  const absl::string_view id = IdOf(secret);
  const std::string hash = Hash(secret);
  absl::MutexLock lock(&mu_);
  // A new one is good at once.
  if (now < looked_at_ || now - looked_at_ >= kLookEvery || !known_.contains(id)) {
    ReadIfChanged(now);
  }
  const auto found = known_.find(id);
  if (id.empty() || found == known_.end() || !IsSame(found->second.hash, hash)) {
    return absl::UnauthenticatedError(
        "the token is not known here; ask for one (master token create)");
  }
  const TokenInfo& info = found->second.info;
  const std::string what = absl::StrCat("the token ", info.id, " (", info.name, ")");
  // Whatever the clock says: it may have been ahead then.
  if (info.revoked_at != absl::InfiniteFuture()) {
    return absl::UnauthenticatedError(
        absl::StrCat(what, " was revoked on ", Day(info.revoked_at), "; ask for a new one"));
  }
  if (now >= info.expires_at) {
    return absl::UnauthenticatedError(
        absl::StrCat(what, " expired on ", Day(info.expires_at), "; ask for a new one"));
  }
  return info;
}

void Tokens::ReadAll() {
  absl::flat_hash_map<std::string, Known> known;
  // Before the rows: what changes in between is read once more.
  const int64_t version = database_->execAndGet("PRAGMA data_version").getInt64();
  SQLite::Statement query(*database_,
                          "SELECT id, hash, name, role, queues, created_at, expires_at, revoked_at "
                          "FROM tokens");
  while (query.executeStep()) {
    std::optional<Grant> grant = GrantAt(query.getColumn(3), query.getColumn(4));
    if (!grant.has_value()) continue;
    Known one;
    one.info.id = query.getColumn(0).getString();
    one.hash = query.getColumn(1).getString();
    one.info.name = query.getColumn(2).getString();
    one.info.grant = *std::move(grant);
    one.info.created_at = TimeAt(query.getColumn(5));
    one.info.expires_at = TimeAt(query.getColumn(6));
    one.info.revoked_at = TimeAt(query.getColumn(7));
    std::string id = one.info.id;
    known.emplace(std::move(id), std::move(one));
  }
  known_ = std::move(known);
  version_ = version;
}

// Another file in its place, or none, is not what this one has open.
void Tokens::OpenIfReplaced() {
  struct stat now;
  if (stat(path_.c_str(), &now) != 0) {
    known_.clear();
    throw SQLite::Exception(path_ + " is gone, and with it all tokens");
  }
  if (now.st_dev == opened_.st_dev && now.st_ino == opened_.st_ino) return;
  auto database = std::make_unique<SQLite::Database>(path_, SQLite::OPEN_READWRITE);
  Prepare(*database, path_);
  database_ = std::move(database);
  opened_ = now;
  version_ = -1;
}

void Tokens::ReadIfChanged(absl::Time now) {
  looked_at_ = now;
  const absl::Status status = Try([this] {
    mu_.AssertHeld();
    OpenIfReplaced();
    if (database_->execAndGet("PRAGMA data_version").getInt64() != version_) ReadAll();
  });
  if (!status.ok()) spdlog::warn("tokens stay as they were: {}", status.ToString());
}

}  // namespace tarea
