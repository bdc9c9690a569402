#ifndef TAREA_TESTS_INTEGRATION_TLS_FIXTURE_H_
#define TAREA_TESTS_INTEGRATION_TLS_FIXTURE_H_

#include <fstream>
#include <iterator>
#include <memory>
#include <string>

#include "common/tls.h"
#include "master/security/pki.h"
#include "tests/integration/master_fixture.h"

namespace tarea {

// A master with a certificate of an authority of its own, which asks callers for theirs.
class TlsFixture : public MasterFixture {
 protected:
  static constexpr absl::Duration kYear = absl::Hours(365 * 24);

  void SetUp() override {
    MakeAuthority("pki");
    options_.tls = {.certificate = File("pki/master.crt"),
                    .key = File("pki/master.key"),
                    .authority = File("pki/ca.crt")};
    MasterFixture::SetUp();
  }

  std::string File(const std::string& name) const { return dir_.path() + "/" + name; }

  // An authority in the directory `name`, with a master.
  void MakeAuthority(const std::string& name) {
    const absl::Time now = absl::Now();
    absl::StatusOr<CertificateAuthority> authority = CertificateAuthority::Make(File(name), now);
    ASSERT_TRUE(authority.ok()) << authority.status();
    const MasterCertificate master{{"localhost", "127.0.0.1"}};
    ASSERT_TRUE(authority->Issue("master", master, now, kYear).ok());
  }

  // A certificate of it, of the files NAME.crt and NAME.key there, valid from now on.
  void IssueFor(absl::Duration time, const std::string& authority, const std::string& name,
                const Grant& grant) {
    IssueFrom(absl::Now(), time, authority, name, grant);
  }

  // The same for a year. If it is not valid any more, its time was over an hour ago.
  void Issue(const std::string& authority, const std::string& name, const Grant& grant,
             bool is_valid = true) {
    IssueFrom(absl::Now() - absl::Hours(is_valid ? 0 : 2), is_valid ? kYear : absl::Hours(1),
              authority, name, grant);
  }

  TlsOptions Of(const std::string& name, const std::string& authority = "pki") const {
    return {.certificate = File(name + ".crt"),
            .key = File(name + ".key"),
            .authority = File(authority + "/ca.crt")};
  }

  // Credentials of another program than ours, which would not even try with a certificate that is
  // not valid any more. `name` may be empty: no certificate.
  std::shared_ptr<grpc::ChannelCredentials> OthersOf(const std::string& name) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = ReadAll(File("pki/ca.crt"));
    if (!name.empty()) {
      options.pem_cert_chain = ReadAll(File(name + ".crt"));
      options.pem_private_key = ReadAll(File(name + ".key"));
    }
    return grpc::SslCredentials(options);
  }

 private:
  void IssueFrom(absl::Time from, absl::Duration time, const std::string& authority,
                 const std::string& name, const Grant& grant) {
    absl::StatusOr<CertificateAuthority> opened = CertificateAuthority::Open(File(authority));
    ASSERT_TRUE(opened.ok()) << opened.status();
    const absl::StatusOr<std::string> path =
        opened->Issue(name, PeerCertificate{grant}, from, time);
    ASSERT_TRUE(path.ok()) << path.status();
  }

  static std::string ReadAll(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

}  // namespace tarea

#endif  // TAREA_TESTS_INTEGRATION_TLS_FIXTURE_H_
