#include "tests/chaos/tasks.h"

#include "absl/strings/str_cat.h"
#include "common/convert.h"
#include "tests/chaos/hash.h"
#include "tests/support/process.h"

namespace tarea {
namespace {

uint64_t ResultHash(const v1::Task& task) {
  if (task.spec().type() != "exec") return task.result().empty() ? 0 : HashOf(task.result());
  v1::ExecResult result;
  if (task.result().empty() || !result.ParseFromString(task.result())) return 0;
  const absl::string_view out = result.stdout_data();
  return HashOf(out.substr(0, out.find('\n') + 1));
}

}  // namespace

v1::TaskSpec TaskMaker::Command(const std::string& behaviour, absl::Duration time,
                                const std::string& nonce) const {
  v1::ExecPayload payload;
  for (const std::string& word : {BinPath("tarea_chaos_task"), log_, behaviour,
                                  absl::StrCat(absl::ToInt64Milliseconds(time)), nonce}) {
    payload.add_argv(word);
  }
  (*payload.mutable_env())[kRunVariable] = run_;
  v1::TaskSpec spec;
  spec.set_type("exec");
  spec.set_payload(payload.SerializeAsString());
  return spec;
}

v1::TaskSpec TaskMaker::RandomCommand(Random& random, const std::string& nonce) const {
  const absl::Duration short_time = absl::Milliseconds(Between(random, 20, 400));
  const int kind = Between(random, 1, 100);
  if (kind <= 50) return Command("quick", absl::ZeroDuration(), nonce);
  if (kind <= 70) return Command("slow", short_time, nonce);
  if (kind <= 76) return Command("fail", absl::ZeroDuration(), nonce);
  if (kind <= 84) return Command("flaky", absl::ZeroDuration(), nonce);
  if (kind <= 88) return Command("crash", absl::ZeroDuration(), nonce);
  if (kind <= 92) return Command("orphan", absl::ZeroDuration(), nonce);
  if (kind <= 94) return Command("flood", absl::ZeroDuration(), nonce);
  if (kind <= 97) return Command("slow", 2.5 * lease_, nonce);
  // Runs into its timeout, and does not listen to SIGTERM then.
  v1::TaskSpec spec = Command("stubborn", absl::Seconds(30), nonce);
  *spec.mutable_timeout() = ToProto(lease_ / 2);
  return spec;
}

v1::TaskSpec TaskMaker::Make(Random& random, const std::string& nonce) const {
  const int kind = Between(random, 1, 100);
  v1::TaskSpec spec;
  if (kind <= 45) {
    spec = RandomCommand(random, nonce);
  } else if (kind <= 80) {
    spec.set_type(kHandType);
    spec.set_queue(kHandQueue);
    spec.set_payload(nonce);
  } else {
    spec.set_type("echo");
    spec.set_payload(nonce);
  }
  spec.set_priority(Between(random, -2, 2));
  if (Chance(random, 10)) {
    *spec.mutable_delay() = ToProto(absl::Milliseconds(Between(random, 1, 1500)));
  }
  v1::RetryPolicy& retry = *spec.mutable_retry();
  retry.set_max_attempts(Between(random, 1, 5));
  *retry.mutable_initial_backoff() = ToProto(absl::Milliseconds(Between(random, 0, 200)));
  *retry.mutable_max_backoff() = ToProto(absl::Milliseconds(500));
  return spec;
}

HistoryItem ItemOf(const v1::TaskSpec& spec) {
  HistoryItem item;
  item.max_attempts = spec.retry().max_attempts();
  item.payload = HashOf(spec.payload());
  if (!spec.key().empty()) item.key = absl::StrCat(spec.queue(), "/", spec.key());
  if (spec.on_parent_failure() != v1::ON_PARENT_FAILURE_RUN) {
    item.depends_on.assign(spec.depends_on().begin(), spec.depends_on().end());
  }
  return item;
}

HistoryItem ItemOf(const v1::Task& task) {
  HistoryItem item;
  item.task = task.id();
  item.attempt = task.attempt();
  item.state = static_cast<TaskState>(task.state());
  if (task.payload_size() == static_cast<int64_t>(task.spec().payload().size())) {
    item.payload = HashOf(task.spec().payload());
  }
  if (task.state() == v1::TASK_STATE_SUCCEEDED) item.result = ResultHash(task);
  if (task.spec().on_parent_failure() != v1::ON_PARENT_FAILURE_RUN) {
    item.depends_on.assign(task.spec().depends_on().begin(), task.spec().depends_on().end());
  }
  return item;
}

}  // namespace tarea
