#include "master/security/pki.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

#include "common/x509.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(365 * 24);

class Pki : public testing::Test {
 protected:
  Pki() : authority_(CertificateAuthority::Make(directory_, kNow)) {}

  static mode_t ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 07777;
  }

  static SslCertificate Read(const std::string& path) {
    absl::StatusOr<SslCertificate> certificate = ReadCertificate(path);
    EXPECT_TRUE(certificate.ok()) << certificate.status();
    return *std::move(certificate);
  }

  // What OpenSSL thinks of a certificate at a time, for a purpose.
  int Verify(const std::string& path, absl::Time now, int purpose) {
    const SslCertificate authority = Read(directory_ + "/ca.crt");
    const SslCertificate certificate = Read(path);
    const std::unique_ptr<X509_STORE, SslFree<X509_STORE_free>> store(X509_STORE_new());
    X509_STORE_add_cert(store.get(), authority.get());
    const std::unique_ptr<X509_STORE_CTX, SslFree<X509_STORE_CTX_free>> context(
        X509_STORE_CTX_new());
    X509_STORE_CTX_init(context.get(), store.get(), certificate.get(), nullptr);
    X509_STORE_CTX_set_time(context.get(), 0, absl::ToTimeT(now));
    X509_STORE_CTX_set_purpose(context.get(), purpose);
    X509_verify_cert(context.get());
    return X509_STORE_CTX_get_error(context.get());
  }

  static std::vector<std::string> Uris(const std::string& path) {
    const SslCertificate certificate = Read(path);
    const std::unique_ptr<GENERAL_NAMES, SslFree<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(
            X509_get_ext_d2i(certificate.get(), NID_subject_alt_name, nullptr, nullptr)));
    std::vector<std::string> uris;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
      if (name->type != GEN_URI) continue;
      const ASN1_IA5STRING* const uri = name->d.uniformResourceIdentifier;
      uris.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                        static_cast<size_t>(ASN1_STRING_length(uri)));
    }
    return uris;
  }

  const TempDir dir_;
  const std::string directory_ = dir_.path() + "/pki";
  absl::StatusOr<CertificateAuthority> authority_;
};

TEST_F(Pki, KeysCanBeReadByTheirOwnerOnly) {
  ASSERT_TRUE(authority_->Issue("master", MasterCertificate{{"localhost"}}, kNow, kYear).ok());
  EXPECT_EQ(ModeOf(directory_), 0700u);
  EXPECT_EQ(ModeOf(directory_ + "/ca.key"), 0600u);
  EXPECT_EQ(ModeOf(directory_ + "/master.key"), 0600u);
}

TEST_F(Pki, AMasterIsOneForTheNamesItIsCalledBy) {
  const absl::StatusOr<std::string> path = authority_->Issue(
      "master", MasterCertificate{{"tasks.example.com", "10.0.0.1", "::1"}}, kNow, kYear);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(*path, directory_ + "/master.crt");
  EXPECT_EQ(Verify(*path, kNow, X509_PURPOSE_SSL_SERVER), X509_V_OK);
  EXPECT_EQ(Verify(*path, kNow, X509_PURPOSE_SSL_CLIENT), X509_V_ERR_INVALID_PURPOSE);
  const SslCertificate certificate = Read(*path);
  EXPECT_EQ(X509_check_host(certificate.get(), "tasks.example.com", 0, 0, nullptr), 1);
  EXPECT_EQ(X509_check_host(certificate.get(), "other.example.com", 0, 0, nullptr), 0);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "10.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "0:0:0:0:0:0:0:1", 0), 1);
}

TEST_F(Pki, APeerMayWhatItsCertificateSays) {
  const absl::StatusOr<std::string> path = authority_->Issue(
      "farm", PeerCertificate{{.role = Role::kWork, .queues = {"video", "a:b/c"}}}, kNow, kYear);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(Verify(*path, kNow, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(Verify(*path, kNow, X509_PURPOSE_SSL_SERVER), X509_V_ERR_INVALID_PURPOSE);
  EXPECT_THAT(Uris(*path), ElementsAre("tarea:work?queue=video", "tarea:work?queue=a:b/c"));
}

TEST_F(Pki, ACertificateIsValidForAsLongAsItWasAskedFor) {
  const absl::StatusOr<std::string> path =
      authority_->Issue("reports", PeerCertificate{}, kNow, absl::Hours(2));
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(Verify(*path, kNow - absl::Minutes(4), X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(Verify(*path, kNow + absl::Minutes(119), X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_EQ(Verify(*path, kNow + absl::Minutes(121), X509_PURPOSE_SSL_CLIENT),
            X509_V_ERR_CERT_HAS_EXPIRED);
  for (const absl::Duration valid : {absl::ZeroDuration(), 10 * kYear + absl::Hours(1)}) {
    const absl::Status status = authority_->Issue("other", PeerCertificate{}, kNow, valid).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_THAT(status.message(), HasSubstr("before the authority's, on 2037-01-12"));
  }
}

TEST_F(Pki, NothingIsWrittenOver) {
  ASSERT_TRUE(authority_->Issue("farm", PeerCertificate{}, kNow, kYear).ok());
  const absl::Status again = authority_->Issue("farm", PeerCertificate{}, kNow, kYear).status();
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_THAT(again.message(), HasSubstr("farm.key"));
  // Nor is half a pair left where the other half was there.
  std::filesystem::remove(directory_ + "/farm.key");
  EXPECT_TRUE(
      absl::IsAlreadyExists(authority_->Issue("farm", PeerCertificate{}, kNow, kYear).status()));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/farm.key"));
  EXPECT_TRUE(absl::IsAlreadyExists(CertificateAuthority::Make(directory_, kNow).status()));
}

TEST_F(Pki, NamesThatCouldMeanSomethingElseAreRefused) {
  for (const char* name : {"", "ca", ".hidden", "a/b", "a b", "x\ny"}) {
    const absl::Status status = authority_->Issue(name, PeerCertificate{}, kNow, kYear).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  for (const char* host : {"", "a,DNS:b", "IP:1.2.3.4", "a b", "x\n"}) {
    const absl::Status status =
        authority_->Issue("m", MasterCertificate{{host}}, kNow, kYear).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
  }
  EXPECT_TRUE(
      absl::IsInvalidArgument(authority_->Issue("m", MasterCertificate{}, kNow, kYear).status()));
}

TEST_F(Pki, AnAuthorityIsFoundAgain) {
  absl::StatusOr<CertificateAuthority> again = CertificateAuthority::Open(directory_);
  ASSERT_TRUE(again.ok()) << again.status();
  const absl::StatusOr<std::string> path = again->Issue("late", PeerCertificate{}, kNow, kYear);
  ASSERT_TRUE(path.ok()) << path.status();
  EXPECT_EQ(Verify(*path, kNow, X509_PURPOSE_SSL_CLIENT), X509_V_OK);
  EXPECT_TRUE(absl::IsNotFound(CertificateAuthority::Open(dir_.path()).status()));
}

TEST_F(Pki, AKeyThatOthersMayReadIsNotUsed) {
  std::filesystem::permissions(directory_ + "/ca.key", std::filesystem::perms::group_read,
                               std::filesystem::perm_options::add);
  const absl::Status status = CertificateAuthority::Open(directory_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(status)) << status;
  EXPECT_THAT(status.message(),
              AllOf(HasSubstr("its mode is 0640"), HasSubstr("chmod 600 " + directory_)));
}

TEST_F(Pki, AKeyOfAnotherAuthorityIsNotUsed) {
  const std::string other = dir_.path() + "/other";
  ASSERT_TRUE(CertificateAuthority::Make(other, kNow).ok());
  std::filesystem::copy_file(other + "/ca.key", directory_ + "/ca.key",
                             std::filesystem::copy_options::overwrite_existing);
  const absl::Status status = CertificateAuthority::Open(directory_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status)) << status;
  EXPECT_THAT(status.message(), HasSubstr("is not the key of"));
}

}  // namespace
}  // namespace tarea
