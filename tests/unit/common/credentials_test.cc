#include "common/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <fstream>
#include <string>

#include "common/address.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::HasSubstr;
using testing::Not;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class TokenFile : public testing::Test {
 protected:
  void Write(const std::string& text, mode_t mode = 0600) {
    // As those do it who replace a file: no reader sees half of one.
    const std::string next = path_ + ".next";
    std::ofstream(next) << text;
    ASSERT_EQ(chmod(next.c_str(), mode), 0);
    ASSERT_EQ(rename(next.c_str(), path_.c_str()), 0);
  }

  const TempDir dir_;
  const std::string path_ = dir_.path() + "/token";
};

TEST_F(TokenFile, IsReadAgainWhenItChanges) {
  Write("tarea_1_first\n");
  const absl::StatusOr<std::shared_ptr<TokenSource>> source = TokenSource::FromFile(path_);
  ASSERT_TRUE(source.ok()) << source.status();
  EXPECT_EQ((*source)->Token(), "tarea_1_first");
  Write("  tarea_2_second");
  EXPECT_EQ((*source)->Token(), "tarea_2_second");
}

TEST_F(TokenFile, ThatHasBecomeWrongLeavesTheLastGoodToken) {
  Write("good");
  const absl::StatusOr<std::shared_ptr<TokenSource>> source = TokenSource::FromFile(path_);
  Write("others can read it", 0644);
  EXPECT_EQ((*source)->Token(), "good");
  Write("");
  EXPECT_EQ((*source)->Token(), "good");
  unlink(path_.c_str());
  EXPECT_EQ((*source)->Token(), "good");
  Write("better");
  EXPECT_EQ((*source)->Token(), "better");
}

TEST_F(TokenFile, ThatIsWrongFromTheStartIsRefusedWithoutTheToken) {
  EXPECT_TRUE(absl::IsNotFound(TokenSource::FromFile(path_).status()));
  Write("secret", 0604);
  const absl::Status readable = TokenSource::FromFile(path_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(readable));
  EXPECT_THAT(std::string(readable.message()), HasSubstr("its mode is 0604): chmod 600 " + path_));
  for (const std::string& text : {std::string("\n"), std::string("secret words"),
                                  std::string("secret\xc3\xa9"), std::string(513, 's')}) {
    Write(text);
    const absl::Status status = TokenSource::FromFile(path_).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(std::string(status.message()), Not(HasSubstr("sec")));
  }
  Write(std::string(70'000, 's'));
  EXPECT_TRUE(absl::IsFailedPrecondition(TokenSource::FromFile(path_).status()));
}

TEST_F(TokenFile, GoesBeforeTheVariable) {
  Write("of-the-file");
  setenv("TAREA_TOKEN", "of-the-variable", 1);
  EXPECT_EQ(MakeCredentials({}, {"127.0.0.1:1"}, kNow)->token->Token(), "of-the-variable");
  EXPECT_EQ(
      MakeCredentials({.tls = {}, .token_file = path_}, {"127.0.0.1:1"}, kNow)->token->Token(),
      "of-the-file");
  unsetenv("TAREA_TOKEN");
  EXPECT_EQ(MakeCredentials({}, {"127.0.0.1:1"}, kNow)->token, nullptr);
}

TEST_F(TokenFile, IsNotShownToAMasterFarAwayWithoutTls) {
  Write("secret");
  const absl::Status status = MakeCredentials({.tls = {}, .token_file = path_},
                                              {"localhost:1", "tasks.example.com:50051"}, kNow)
                                  .status();
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_THAT(std::string(status.message()),
              AllOf(HasSubstr("tasks.example.com:50051"), HasSubstr("--tls-ca")));
}

TEST(Loopback, IsWhatStaysOnThisMachine) {
  for (const char* address :
       {"127.0.0.1:1", "127.9.9.9:1", "localhost:1", "[::1]:1", "unix:/run/tarea.sock"}) {
    EXPECT_TRUE(IsLoopback(address)) << address;
  }
  for (const char* address : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "127.0.0.1.example.com:1",
                              "localhost.example.com:1", "example.com:1"}) {
    EXPECT_FALSE(IsLoopback(address)) << address;
  }
}

}  // namespace
}  // namespace tarea
