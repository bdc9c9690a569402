#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "bench/scenarios/scenarios.h"
#include "bench/setup.h"
#include "bench/whole.h"
#include "common/clock.h"
#include "common/credentials.h"
#include "tests/support/process.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

Load PlainLoad(const ScenarioOptions& options) {
  return {.master = options.master,
          .tasks = MakeTasks(options.tasks, "noop"),
          .attempts = options.tasks};
}

// Certificates for all three in `directory`, which must not be there yet.
absl::Status MakeCertificates(const std::string& master, const std::string& directory) {
  Process pki(master, {"pki", "init", "--dir", directory, "--host", "127.0.0.1"});
  if (pki.Wait() == ProcessEnd{}) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("master pki init: ", pki.Log()));
}

absl::StatusOr<Load> TlsLoad(const ScenarioOptions& options, const std::string& directory) {
  const std::vector<std::string> flags = {"--tls-dir", directory};
  CredentialOptions credential_options;
  credential_options.tls.directory = directory;
  absl::StatusOr<Credentials> credentials = MakeCredentials(credential_options, {}, CalendarTime());
  if (!credentials.ok()) return credentials.status();
  Load load = PlainLoad(options);
  load.master_flags = flags;
  for (std::vector<std::string>& worker : load.workers) worker = flags;
  load.client.credentials = *std::move(credentials);
  return load;
}

}  // namespace

absl::Status RunTls(const ScenarioOptions& options, Findings& findings) {
  const TempDir dir;
  const std::string pki = dir.path() + "/pki";
  if (absl::Status status = MakeCertificates(options.master, pki); !status.ok()) return status;
  findings.Say("first in the clear");
  const absl::StatusOr<Whole> plain = MeasureWhole(PlainLoad(options), findings);
  if (!plain.ok()) return plain.status();
  findings.Say("with certificates on both sides");
  absl::StatusOr<Load> load = TlsLoad(options, pki);
  if (!load.ok()) return load.status();
  const absl::StatusOr<Whole> tls = MeasureWhole(*std::move(load), findings);
  if (!tls.ok()) return tls.status();
  findings.Add("whole, in the clear", plain->whole_rate(), "/s");
  findings.Add("whole, TLS", tls->whole_rate(), "/s");
  findings.Add("master's CPU per task, in the clear", plain->cpu_us(plain->master_cpu), "us");
  findings.Add("master's CPU per task, TLS", tls->cpu_us(tls->master_cpu), "us");
  findings.Add("whole, TLS / in the clear", tls->whole_rate() / plain->whole_rate(), "x",
               AtLeast(0.75));
  return absl::OkStatus();
}

}  // namespace tarea
