#include "tests/history/jsonl.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace tarea {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kOps[] = {"submit", "claim", "result", "cancel",
                                "retry",  "read",  "run",    "fault"};
constexpr const char* kPhases[] = {"invoke", "ok", "refused", "unknown"};

template <typename T>
void Put(Json& json, const char* name, const T& value, const T& otherwise) {
  if (value != otherwise) json[name] = value;
}

template <typename E>
void PutEnum(Json& json, const char* name, E value, E otherwise) {
  Put(json, name, static_cast<int>(value), static_cast<int>(otherwise));
}

template <typename T>
void Take(const Json& json, const char* name, T& value) {
  if (const auto found = json.find(name); found != json.end()) found->get_to(value);
}

template <typename E>
void TakeEnum(const Json& json, const char* name, E& value) {
  int number = static_cast<int>(value);
  Take(json, name, number);
  value = static_cast<E>(number);
}

Json ToJson(const HistoryItem& item) {
  const HistoryItem none;
  Json json = Json::object();
  Put(json, "task", item.task, none.task);
  Put(json, "lease", item.lease, none.lease);
  Put(json, "attempt", item.attempt, none.attempt);
  Put(json, "max_attempts", item.max_attempts, none.max_attempts);
  PutEnum(json, "state", item.state, none.state);
  PutEnum(json, "outcome", item.outcome, none.outcome);
  PutEnum(json, "status", item.status, none.status);
  Put(json, "payload", item.payload, none.payload);
  Put(json, "result", item.result, none.result);
  Put(json, "key", item.key, none.key);
  Put(json, "existing", item.existing, none.existing);
  Put(json, "depends_on", item.depends_on, none.depends_on);
  return json;
}

HistoryItem ItemOf(const Json& json) {
  HistoryItem item;
  Take(json, "task", item.task);
  Take(json, "lease", item.lease);
  Take(json, "attempt", item.attempt);
  Take(json, "max_attempts", item.max_attempts);
  TakeEnum(json, "state", item.state);
  TakeEnum(json, "outcome", item.outcome);
  TakeEnum(json, "status", item.status);
  Take(json, "payload", item.payload);
  Take(json, "result", item.result);
  Take(json, "key", item.key);
  Take(json, "existing", item.existing);
  Take(json, "depends_on", item.depends_on);
  return item;
}

// Which of `names` the field holds. False if none.
template <typename E, size_t N>
bool TakeName(const Json& json, const char* field, const char* const (&names)[N], E& value) {
  const auto found = json.find(field);
  if (found == json.end() || !found->is_string()) return false;
  const auto* const name = std::find(std::begin(names), std::end(names), found->get<std::string>());
  value = static_cast<E>(name - std::begin(names));
  return name != std::end(names);
}

absl::StatusOr<HistoryEvent> EventOf(absl::string_view line) {
  const Json json = Json::parse(line, nullptr, false);
  HistoryEvent event;
  if (!json.is_object() || !TakeName(json, "op", kOps, event.op) ||
      !TakeName(json, "phase", kPhases, event.phase)) {
    return absl::InvalidArgumentError("no object with a known op and phase");
  }
  try {
    Take(json, "micros", event.micros);
    Take(json, "process", event.process);
    Take(json, "call", event.call);
    Take(json, "request_id", event.request_id);
    Take(json, "batch", event.batch);
    Take(json, "detail", event.detail);
    if (const auto items = json.find("items"); items != json.end()) {
      for (const Json& item : *items) event.items.push_back(ItemOf(item));
    }
  } catch (const Json::exception& e) {
    return absl::InvalidArgumentError(e.what());
  }
  return event;
}

}  // namespace

std::string ToJsonLine(const HistoryEvent& event) {
  const HistoryEvent none;
  Json json = {{"micros", event.micros},
               {"process", event.process},
               {"call", event.call},
               {"op", kOps[static_cast<int>(event.op)]},
               {"phase", kPhases[static_cast<int>(event.phase)]}};
  Put(json, "request_id", event.request_id, none.request_id);
  Put(json, "batch", event.batch, none.batch);
  Put(json, "detail", event.detail, none.detail);
  for (const HistoryItem& item : event.items) json["items"].push_back(ToJson(item));
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::Status ParseJsonLines(absl::string_view text, std::vector<HistoryEvent>& events) {
  for (int64_t number = 1; !text.empty(); ++number) {
    const size_t end = text.find('\n');
    if (end == absl::string_view::npos) break;
    absl::StatusOr<HistoryEvent> event = EventOf(text.substr(0, end));
    if (!event.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("line ", number, " is no event: ", event.status().message()));
    }
    events.push_back(*std::move(event));
    text.remove_prefix(end + 1);
  }
  return absl::OkStatus();
}

void SortByTime(std::vector<HistoryEvent>& events) {
  std::stable_sort(events.begin(), events.end(), [](const HistoryEvent& a, const HistoryEvent& b) {
    if (a.micros != b.micros) return a.micros < b.micros;
    return a.phase == HistoryEvent::Phase::kInvoke && b.phase != HistoryEvent::Phase::kInvoke;
  });
}

}  // namespace tarea
