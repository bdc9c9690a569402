#include "master/security/tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const Grant kReader;
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
const absl::Time kLater = kNow + absl::Hours(1);

class TokensTest : public testing::Test {
 protected:
  TokensTest() : tokens_(Open()) {}

  std::unique_ptr<Tokens> Open() {
    absl::StatusOr<std::unique_ptr<Tokens>> tokens = Tokens::Open(dir_.path() + "/data");
    EXPECT_TRUE(tokens.ok()) << tokens.status();
    return *std::move(tokens);
  }

  std::string Make(const std::string& name, absl::Time expires_at = absl::InfiniteFuture()) {
    const absl::StatusOr<NewToken> token = tokens_->Create(name, kReader, kNow, expires_at);
    EXPECT_TRUE(token.ok()) << token.status();
    return token->secret;
  }

  std::string File() const { return dir_.path() + "/data/tokens.db"; }
  std::string Bytes() const {
    std::ifstream file(File());
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const TempDir dir_;
  std::unique_ptr<Tokens> tokens_;
};

TEST_F(TokensTest, OneIsKnownByWhatItsOwnerShows) {
  const Grant grant{.role = Role::kSubmit, .queues = {"images", "a:b/c"}};
  const absl::StatusOr<NewToken> token = tokens_->Create("ci", grant, kNow, kLater);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->secret.substr(0, 19), "tarea_" + token->id + "_");
  EXPECT_EQ(token->secret.size(), 62);
  for (int i = 0; i < 2; ++i) {
    const absl::StatusOr<TokenInfo> found = tokens_->Find(token->secret, kNow);
    ASSERT_TRUE(found.ok()) << found.status();
    EXPECT_EQ(found->name, "ci");
    EXPECT_EQ(found->grant, grant);
    EXPECT_EQ(found->expires_at, kLater);
    tokens_ = Open();
  }
}

TEST_F(TokensTest, NoTwoAreAlikeAndWithoutANameOneIsCalledByItsId) {
  const std::string first = Make("");
  const std::string second = Make("");
  EXPECT_NE(first, second);
  EXPECT_EQ(tokens_->Find(first, kNow)->name, first.substr(6, 12));
}

TEST_F(TokensTest, WhatIsKeptIsNoTokenAndOnlyItsOwnerCanReadIt) {
  const std::string secret = Make("ci");
  EXPECT_THAT(Bytes(), Not(HasSubstr(secret.substr(19))));
  EXPECT_THAT(Bytes(), HasSubstr(secret.substr(6, 12)));
  struct stat info = {};
  ASSERT_EQ(stat(File().c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600);
}

TEST_F(TokensTest, AFileThatOthersCanReadIsRefused) {
  ASSERT_EQ(chmod(File().c_str(), 0640), 0);
  const absl::Status status = Tokens::Open(dir_.path() + "/data").status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("chmod 600"));
}

TEST_F(TokensTest, AFileOfSomethingElseIsRefused) {
  tokens_.reset();
  std::ofstream(File(), std::ios::trunc) << "something else, and long enough to be a database";
  EXPECT_TRUE(absl::IsFailedPrecondition(Tokens::Open(dir_.path() + "/data").status()));
}

TEST_F(TokensTest, UntilItExpiresAndNotLonger) {
  const std::string secret = Make("ci", kLater);
  EXPECT_TRUE(tokens_->Find(secret, kLater - absl::Seconds(1)).ok());
  const absl::Status status = tokens_->Find(secret, kLater).status();
  EXPECT_TRUE(absl::IsUnauthenticated(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("(ci) expired on 2023-11-14 23:13:20 UTC"));
  EXPECT_THAT(std::string(status.message()), Not(HasSubstr(secret.substr(19))));
}

TEST_F(TokensTest, RevokedByIdIsOneByNameAreAllOfThatName) {
  const std::string first = Make("ci");
  const std::string second = Make("ci");
  const std::string third = Make("ci");
  EXPECT_EQ(*tokens_->Revoke(first.substr(6, 12), kNow), 1);
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_->Find(first, kLater).status()));
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_->Find(first, kNow - absl::Hours(1)).status()));
  EXPECT_TRUE(tokens_->Find(second, kLater).ok());
  EXPECT_EQ(*tokens_->Revoke("ci", kLater), 2);
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_->Find(third, kLater).status()));
  EXPECT_EQ(*tokens_->Revoke("ci", kLater), 0);
  EXPECT_TRUE(absl::IsNotFound(tokens_->Revoke("cd", kLater).status()));
}

TEST_F(TokensTest, WhatOneProcessChangesAnotherOneSees) {
  const std::unique_ptr<Tokens> master = Open();
  const std::string secret = Make("ci");
  EXPECT_TRUE(master->Find(secret, kNow).ok());
  ASSERT_TRUE(tokens_->Revoke("ci", kNow).ok());
  EXPECT_TRUE(master->Find(secret, kNow + absl::Milliseconds(900)).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(master->Find(secret, kNow + absl::Seconds(1)).status()));
}

// As a restored file is put in the place of the one there is.
TEST_F(TokensTest, AFileInThePlaceOfTheOldOneCounts) {
  const std::string secret = Make("ci");
  const auto master = Open();
  EXPECT_TRUE(master->Find(secret, kNow).ok());
  std::filesystem::copy_file(File(), File() + ".new");
  std::filesystem::rename(File() + ".new", File());
  tokens_ = Open();
  ASSERT_TRUE(tokens_->Revoke("ci", kNow).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(master->Find(secret, kNow + absl::Seconds(1)).status()));
}

TEST_F(TokensTest, WithoutTheFileNobodyIsKnown) {
  const std::string secret = Make("ci");
  EXPECT_TRUE(tokens_->Find(secret, kNow).ok());
  std::filesystem::remove(File());
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_->Find(secret, kNow + absl::Seconds(1)).status()));
}

TEST_F(TokensTest, ANameIsNotLikeAnId) {
  EXPECT_TRUE(absl::IsInvalidArgument(
      tokens_->Create("0123456789ab", kReader, kNow, absl::InfiniteFuture()).status()));
}

TEST_F(TokensTest, ItsDirectoryIsForItsOwnerOnly) {
  EXPECT_EQ(std::filesystem::status(dir_.path() + "/data").permissions(),
            std::filesystem::perms::owner_all);
}

TEST_F(TokensTest, TheListHasTheOldestFirst) {
  Make("b");
  ASSERT_TRUE(tokens_->Create("a", kReader, kNow + absl::Hours(2), absl::InfiniteFuture()).ok());
  std::vector<std::string> names;
  const std::vector<TokenInfo> list = *tokens_->List();
  for (const TokenInfo& token : list) names.push_back(token.name);
  EXPECT_THAT(names, ElementsAre("b", "a"));
}

TEST_F(TokensTest, WhatMakesNoSenseIsRefusedAndNotKept) {
  for (const std::string& name : {std::string("a b"), std::string("\n"), std::string(65, 'a')}) {
    EXPECT_TRUE(absl::IsInvalidArgument(
        tokens_->Create(name, kReader, kNow, absl::InfiniteFuture()).status()));
  }
  EXPECT_TRUE(absl::IsInvalidArgument(tokens_->Create("a", kReader, kNow, kNow).status()));
  EXPECT_TRUE(absl::IsInvalidArgument(
      tokens_->Create("a", {.role = Role::kWork, .queues = {"a,b"}}, kNow, kLater).status()));
  EXPECT_TRUE(tokens_->List()->empty());
}

TEST_F(TokensTest, WhatIsNoTokenIsNotKnown) {
  const std::string secret = Make("ci");
  for (const std::string& other :
       {std::string(), std::string("tarea_"), secret.substr(0, 18), secret.substr(0, 61),
        secret + "A", "x" + secret, secret.substr(0, 19) + std::string(43, 'A')}) {
    EXPECT_TRUE(absl::IsUnauthenticated(tokens_->Find(other, kNow).status())) << other;
  }
}

}  // namespace
}  // namespace tarea
