#include "client/commands/top_frame.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/commands/output.h"
#include "client/commands/table.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

// From so many rows on there is one to spare between the lists.
constexpr int kRoomyRows = 20;

// Per second, of a count that only grows; retention may make it smaller all the same.
std::optional<double> PerSecond(int64_t now, int64_t before, absl::Duration passed) {
  if (passed <= absl::ZeroDuration()) return std::nullopt;
  return static_cast<double>(std::max<int64_t>(now - before, 0)) / absl::ToDoubleSeconds(passed);
}

// A list of the frame: its rows are added when it is known how many there is room for.
struct Section {
  std::string empty;  // what it says without any rows
  std::vector<TableColumn> columns;
  std::vector<std::vector<std::string>> rows;
};

std::vector<std::string> SectionLines(Section section, int rows, const Look& look) {
  if (section.rows.empty()) {
    return {look.columns > 0 ? CutTo(section.empty, look.columns) : section.empty};
  }
  const size_t shown = std::min(section.rows.size(), static_cast<size_t>(rows));
  if (shown < section.rows.size()) {
    absl::StrAppend(&section.columns[0].heading, " ", shown, "/", section.rows.size());
  }
  Table table(std::move(section.columns), look);
  for (size_t i = 0; i < shown; ++i) table.Add(std::move(section.rows[i]));
  return table.TakeLines();
}

const v1::Queue* FindQueue(const TopSnapshot* snapshot, const std::string& name) {
  if (snapshot == nullptr) return nullptr;
  for (const v1::Queue& queue : snapshot->queues.queues()) {
    if (queue.name() == name) return &queue;
  }
  return nullptr;
}

Section QueueSection(const TopSnapshot& now, const TopSnapshot* before) {
  using enum TableColumn::Align;
  Section section{.empty = "no queues yet",
                  .columns = {{.heading = "QUEUE", .cut_to = 8},
                              {.heading = "STATE", .leave_out = 4, .state = true},
                              {.heading = "WAITING", .align = kRight, .leave_out = 5},
                              {.heading = "READY", .align = kRight},
                              {.heading = "RUNNING", .align = kRight, .leave_out = 1},
                              {.heading = "DONE/S", .align = kRight, .leave_out = 2},
                              {.heading = "FAILED", .align = kRight, .leave_out = 3},
                              {.heading = "OLDEST READY", .align = kRight, .leave_out = 6}},
                  .rows = {}};
  std::vector<const v1::Queue*> queues;
  for (const v1::Queue& queue : now.queues.queues()) queues.push_back(&queue);
  // Those with something to do first; otherwise they stay where they are.
  std::stable_partition(queues.begin(), queues.end(), [](const v1::Queue* queue) {
    return Waiting(queue->counts()) + queue->counts().running() > 0;
  });
  for (const v1::Queue* queue : queues) {
    const v1::Counts& counts = queue->counts();
    std::string rate;
    if (const v1::Queue* old = FindQueue(before, queue->name()); old != nullptr) {
      const std::optional<double> per_second =
          PerSecond(counts.succeeded(), old->counts().succeeded(), now.taken - before->taken);
      if (per_second.has_value()) rate = absl::StrFormat("%.1f", *per_second);
    }
    section.rows.push_back(
        {queue->name(), queue->paused() ? "paused" : "active",
         absl::StrCat(counts.blocked() + counts.scheduled()), absl::StrCat(counts.ready()),
         absl::StrCat(counts.running()), rate, absl::StrCat(counts.failed()),
         queue->has_oldest_ready_age() ? ShortDuration(FromProto(queue->oldest_ready_age())) : ""});
  }
  return section;
}

Section WorkerSection(const TopSnapshot& now, const std::string& master) {
  using enum TableColumn::Align;
  Section section{
      .empty = absl::StrCat("no workers; to start one: worker --master ", master),
      .columns = {{.heading = "WORKER", .cut_to = 8},
                  {.heading = "STATE", .leave_out = 2, .state = true},
                  {.heading = "TASKS", .align = kRight},
                  {.heading = "SLOTS", .align = kRight, .leave_out = 1},
                  {.heading = "HEARD OF", .leave_out = 3},
                  {.heading = "HOST", .leave_out = 5, .cut_to = 8},
                  {.heading = "QUEUES", .leave_out = 4, .cut_to = 8},
                  {.heading = "LABELS", .leave_out = 6, .cut_to = 8, .only_with_text = true}},
      .rows = {}};
  std::vector<const v1::Worker*> workers;
  for (const v1::Worker& worker : now.workers.workers()) workers.push_back(&worker);
  std::stable_partition(workers.begin(), workers.end(),
                        [](const v1::Worker* worker) { return worker->held() > 0; });
  for (const v1::Worker* worker : workers) {
    const v1::WorkerInfo& info = worker->info();
    section.rows.push_back({info.name().empty() ? info.id() : info.name(), WorkerState(*worker),
                            absl::StrCat(worker->held()), absl::StrCat(info.slots()),
                            absl::StrCat(ShortDuration(FromProto(worker->idle())), " ago"),
                            info.host(), absl::StrJoin(worker->queues(), ","),
                            Pairs(info.labels())});
  }
  return section;
}

Section BatchSection(const TopSnapshot& now, absl::Time clock) {
  using enum TableColumn::Align;
  Section section{.empty = "no batches yet",
                  .columns = {{.heading = "BATCH", .align = kRight},
                              {.heading = "NAME", .leave_out = 2, .cut_to = 6},
                              {.heading = "STATE", .state = true},
                              {.heading = "CREATED", .leave_out = 4},
                              {.heading = "DONE", .align = kRight},
                              {.heading = "TASKS", .align = kRight, .leave_out = 1},
                              {.heading = "RUNNING", .align = kRight, .leave_out = 5},
                              {.heading = "FAILED", .align = kRight, .leave_out = 3}},
                  .rows = {}};
  for (const v1::Batch& batch : now.batches) {
    const int64_t done = Finished(batch.counts());
    section.rows.push_back({absl::StrCat(batch.id()), batch.name(), BatchState(batch),
                            Ago(FromProto(batch.created_at()), clock),
                            batch.total() > 0 ? absl::StrCat(100 * done / batch.total(), "%") : "",
                            absl::StrCat(batch.total()), absl::StrCat(batch.counts().running()),
                            absl::StrCat(batch.counts().failed())});
  }
  return section;
}

std::string RateLine(const TopSnapshot& now, const TopSnapshot* before) {
  const v1::Counts& counts = now.stats.counts();
  std::optional<double> succeeded;
  std::optional<double> failed;
  if (before != nullptr) {
    const v1::Counts& old = before->stats.counts();
    succeeded = PerSecond(counts.succeeded(), old.succeeded(), now.taken - before->taken);
    failed = PerSecond(counts.failed(), old.failed(), now.taken - before->taken);
  }
  if (!succeeded.has_value() || !failed.has_value()) return "rate      -";
  std::string text =
      absl::StrFormat("rate      %.1f succeeded/s, %.1f failed/s", *succeeded, *failed);
  const int64_t left = counts.ready() + counts.running();
  if (*succeeded > 0 && left > 0) {
    absl::StrAppend(&text, "; ready and running ones done in ",
                    ShortDuration(absl::Seconds(static_cast<double>(left) / *succeeded)));
  }
  return text;
}

std::vector<std::string> Header(const TopSnapshot* snapshot, const TopSnapshot* before,
                                const TopView& view) {
  std::string title = absl::StrCat("master    ", view.master);
  if (snapshot == nullptr) return {std::move(title)};
  const absl::Duration up = view.now - FromProto(snapshot->stats.started_at());
  absl::StrAppend(&title, ", up ", ShortDuration(absl::Trunc(up, absl::Seconds(1))), ", ",
                  absl::FormatTime("%H:%M:%S", snapshot->taken, absl::LocalTimeZone()));
  return {std::move(title), absl::StrCat("tasks     ", CountsText(snapshot->stats.counts())),
          RateLine(*snapshot, before)};
}

// What there is room for, of the three lists.
std::vector<std::string> Body(std::vector<Section> sections, int available, const Look& look) {
  const bool roomy = available >= kRoomyRows;
  std::vector<int> wanted;
  for (const Section& section : sections) {
    wanted.push_back(static_cast<int>(section.rows.size()));
    // Its heading, or what it says instead of rows.
    available -= 1 + (roomy ? 1 : 0);
  }
  const std::vector<int> rows = ShareRows(wanted, std::max(available, 0));
  std::vector<std::string> lines;
  for (size_t i = 0; i < sections.size(); ++i) {
    if (roomy) lines.emplace_back();
    for (std::string& line : SectionLines(std::move(sections[i]), rows[i], look)) {
      lines.push_back(std::move(line));
    }
  }
  return lines;
}

}  // namespace

std::vector<int> ShareRows(const std::vector<int>& wanted, int available) {
  std::vector<int> given(wanted.size(), 0);
  for (bool any = true; any && available > 0;) {
    any = false;
    for (size_t i = 0; i < wanted.size() && available > 0; ++i) {
      if (given[i] == wanted[i]) continue;
      ++given[i];
      --available;
      any = true;
    }
  }
  return given;
}

std::vector<std::string> TopFrame(const TopSnapshot* snapshot, const TopSnapshot* before,
                                  const TopView& view) {
  const auto cut = [&](absl::string_view text) {
    const std::string line = Printable(text, 1024);
    return view.look.columns > 0 ? CutTo(line, view.look.columns) : line;
  };
  std::vector<std::string> lines;
  for (const std::string& line : Header(snapshot, before, view)) lines.push_back(cut(line));
  if (view.look.colours) lines[0] = Bold(lines[0]);
  std::string footer = cut(view.trouble.empty() ? view.hint : view.trouble);
  if (view.look.colours && !view.trouble.empty()) footer = Red(footer);
  if (snapshot != nullptr) {
    const int room = view.rows > 0
                         ? view.rows - static_cast<int>(lines.size()) - (footer.empty() ? 0 : 1)
                         : std::numeric_limits<int>::max();
    for (std::string& line :
         Body({QueueSection(*snapshot, before), WorkerSection(*snapshot, view.master),
               BatchSection(*snapshot, view.now)},
              room, view.look)) {
      lines.push_back(std::move(line));
    }
  }
  if (!footer.empty()) {
    // Whatever else there is no room for.
    if (view.rows > 0) lines.resize(std::min<size_t>(lines.size(), std::max(view.rows - 1, 0)));
    lines.push_back(std::move(footer));
  }
  if (view.rows > 0) lines.resize(std::min<size_t>(lines.size(), view.rows));
  return lines;
}

}  // namespace tarea
