#include "common/token_source.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/secret_file.h"

namespace tarea {
namespace {

constexpr size_t kMaxTokenBytes = 512;

// Without the token itself in any error. `where` is "TAREA_TOKEN" or the file.
absl::StatusOr<std::string> CheckToken(absl::string_view text, absl::string_view where) {
  const absl::string_view token = absl::StripAsciiWhitespace(text);
  if (token.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(where, " has no token; \"master token create\" makes one"));
  }
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) {
    return absl::ascii_isgraph(static_cast<unsigned char>(c));
  });
  if (!plain || token.size() > kMaxTokenBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        where, " has no token: that is one word of letters, digits and _, on a line of its own"));
  }
  return std::string(token);
}

struct stat Look(const std::string& path) {
  struct stat now = {};
  // NOLINTNEXTLINE(bugprone-unused-return-value): all zero is no file that there was
  if (stat(path.c_str(), &now) != 0) now = {};
  return now;
}

bool IsSame(const struct stat& a, const struct stat& b) {
  return a.st_ino == b.st_ino && a.st_size == b.st_size && a.st_mode == b.st_mode &&
         a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec == b.st_mtim.tv_nsec;
}

absl::StatusOr<std::string> ReadToken(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSecretFile(path);
  if (!text.ok()) return text.status();
  return CheckToken(*text, path);
}

}  // namespace

TokenSource::TokenSource(std::string path, std::string token, struct stat seen)
    : path_(std::move(path)), token_(std::move(token)), seen_(seen) {}

absl::StatusOr<std::shared_ptr<TokenSource>> TokenSource::FromText(absl::string_view token) {
  absl::StatusOr<std::string> checked = CheckToken(token, "TAREA_TOKEN");
  if (!checked.ok()) return checked.status();
  return std::shared_ptr<TokenSource>(new TokenSource("", *std::move(checked), {}));
}

absl::StatusOr<std::shared_ptr<TokenSource>> TokenSource::FromFile(const std::string& path) {
  // Before it is read: a change in between is then seen the next time.
  const struct stat seen = Look(path);
  absl::StatusOr<std::string> token = ReadToken(path);
  if (!token.ok()) return token.status();
  return std::shared_ptr<TokenSource>(new TokenSource(path, *std::move(token), seen));
}

std::string TokenSource::Token() {
  absl::MutexLock lock(&mu_);
  if (path_.empty()) return token_;
  const struct stat now = Look(path_);
  if (IsSame(now, seen_)) return token_;
  seen_ = now;
  absl::StatusOr<std::string> token = ReadToken(path_);
  if (token.ok()) {
    token_ = *std::move(token);
  } else {
    spdlog::warn("the last good token stays in use: {}", token.status().ToString());
  }
  return token_;
}

}  // namespace tarea
