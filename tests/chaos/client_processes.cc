#include "tests/chaos/client_processes.h"

#include <signal.h>

#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/chaos/hash.h"

namespace tarea {
namespace {

using Op = HistoryEvent::Op;
using Phase = HistoryEvent::Phase;

constexpr int64_t kEnoughWaiting = 150;
constexpr const char* kConnectTimeout = "5s";
// Longer than it tries.
constexpr absl::Duration kPatience = absl::Seconds(60);

// A 64-bit number, which JSON of protobuf has in quotes.
int64_t Number(const nlohmann::json& json, const char* field) {
  const auto found = json.find(field);
  if (found == json.end()) return 0;
  int64_t number = 0;
  const std::string text = found->is_string() ? found->get<std::string>() : found->dump();
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

}  // namespace

void ClientProcesses::Tick() {
  running_.remove_if([&](Running& running) { return Look(running); });
  const absl::Time now = absl::Now();
  if (now < next_start_) return;
  next_start_ = now + absl::Milliseconds(Between(random_, 500, 2500));
  if (known_.unfinished < kEnoughWaiting) Start();
}

bool ClientProcesses::Finish() {
  running_.remove_if([&](Running& running) { return Look(running); });
  return running_.empty();
}

void ClientProcesses::Start() {
  const std::string payload = absl::StrCat("client-", ++started_);
  Running running;
  running.count = Between(random_, 1, 20);
  running.item.payload = HashOf(payload);
  running.item.max_attempts = 3;
  running.call = scribe_.Begin(Op::kSubmit, std::vector<HistoryItem>(running.count, running.item));
  const absl::Time now = absl::Now();
  running.kill_at = Chance(random_, 60) ? now + absl::Milliseconds(Between(random_, 2, 120))
                                        : absl::InfiniteFuture();
  running.give_up_at = now + kPatience;
  running.process = std::make_unique<Process>(
      BinPath("client"),
      std::vector<std::string>{"--master", address_, "--connect-timeout", kConnectTimeout, "--json",
                               "submit", "--type", "echo", "--payload", payload, "--count",
                               absl::StrCat(running.count)});
  running_.push_back(std::move(running));
}

bool ClientProcesses::Look(Running& running) {
  const absl::Time now = absl::Now();
  if (now >= running.kill_at && !running.killed) {
    running.killed = true;
    running.process->Kill(SIGKILL);
    scribe_.journal().Fault("kill client: submit");
  }
  const std::optional<ProcessEnd> end = running.process->Wait(absl::ZeroDuration());
  if (!end.has_value()) {
    if (now < running.give_up_at) return false;
    scribe_.journal().Broken("a client does not end though it has nothing to wait for");
    running.process->Kill(SIGKILL);
    running.give_up_at = absl::InfiniteFuture();
    return false;
  }
  if (*end == ProcessEnd{}) {
    TakeAnswer(running);
    return true;
  }
  // Also where the last of its calls was refused: one before may have been stored.
  scribe_.End(running.call, Op::kSubmit, Phase::kUnknown);
  if (end->signal != 0 ? !running.killed : end->code != 1 && end->code != 3) {
    scribe_.journal().Broken(
        absl::StrCat("a client ended with ", ToString(*end), ": ", running.process->Log()));
  }
  return true;
}

void ClientProcesses::TakeAnswer(const Running& running) {
  const std::string output = running.process->Output();
  const nlohmann::json json = nlohmann::json::parse(output, nullptr, false);
  const int64_t first = json.is_object() ? Number(json, "first_task_id") : 0;
  if (first == 0) {
    scribe_.End(running.call, Op::kSubmit, Phase::kUnknown);
    scribe_.journal().Broken(absl::StrCat("a client that succeeded printed '", output, "'"));
    return;
  }
  std::vector<HistoryItem> items(running.count, running.item);
  for (int i = 0; i < running.count; ++i) items[i].task = first + i;
  scribe_.End(running.call, Op::kSubmit, Phase::kOk, items, Number(json, "batch_id"));
}

}  // namespace tarea
