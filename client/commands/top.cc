#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <deque>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "client/commands/screen.h"
#include "client/commands/top_frame.h"
#include "common/exit_codes.h"
#include "common/flags.h"

namespace tarea {
namespace {

constexpr size_t kBatches = 50;
// Rates are told over so many intervals, so that they do not jump.
constexpr size_t kKept = 5;
// While the master does not answer: after this the view says so.
constexpr absl::Duration kPatience = absl::Seconds(1);
// How often keys and the size of the terminal are looked at.
constexpr absl::Duration kTick = absl::Milliseconds(100);

absl::StatusOr<TopSnapshot> Ask(Client& client, absl::Time now) {
  TopSnapshot snapshot;
  snapshot.taken = now;
  const auto stats = client.Stats();
  if (!stats.ok()) return stats.status();
  snapshot.stats = *stats;
  const auto queues = client.Queues();
  if (!queues.ok()) return queues.status();
  snapshot.queues = *queues;
  const auto workers = client.Workers();
  if (!workers.ok()) return workers.status();
  snapshot.workers = *workers;
  const absl::Status batches = client.ListBatches([&](const v1::Batch& batch) {
    snapshot.batches.push_back(batch);
    return snapshot.batches.size() < kBatches;
  });
  if (!batches.ok()) return batches;
  return snapshot;
}

// Asks the master again and again, in a thread of its own: a master that does not answer must not
// keep the view from its keys. Thread-safe.
class Poller {
 public:
  Poller(std::unique_ptr<Client> client, absl::Duration interval)
      : client_(std::move(client)), interval_(interval), thread_([this] { Loop(); }) {}
  ~Poller() {
    stop_.Notify();
    client_->Interrupt();
    thread_.join();
  }

  struct News {
    // Counts the answers, so that the view knows whether there is a new one.
    int number = 0;
    // The oldest first, at most kKept.
    std::vector<TopSnapshot> snapshots;
    absl::Status status;
  };
  News Latest() const {
    absl::MutexLock lock(&mu_);
    return {number_, {snapshots_.begin(), snapshots_.end()}, status_};
  }
  int number() const {
    absl::MutexLock lock(&mu_);
    return number_;
  }

 private:
  void Loop() {
    do {
      absl::StatusOr<TopSnapshot> snapshot = Ask(*client_, clock_.Now());
      absl::MutexLock lock(&mu_);
      ++number_;
      status_ = snapshot.status();
      if (!snapshot.ok()) continue;
      snapshots_.push_back(*std::move(snapshot));
      if (snapshots_.size() > kKept) snapshots_.pop_front();
    } while (!stop_.WaitForNotificationWithTimeout(interval_));
  }

  const std::unique_ptr<Client> client_;
  const absl::Duration interval_;
  MonotonicClock clock_;
  absl::Notification stop_;
  mutable absl::Mutex mu_;
  int number_ ABSL_GUARDED_BY(mu_) = 0;
  std::deque<TopSnapshot> snapshots_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);
  std::thread thread_;  // last: it uses all of the above
};

class Top : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override;
  int Run(Context& context) override;

 private:
  static int ShowOnce(Context& context);
  int Live(Context& context) const;
  std::vector<std::string> Frame(Context& context, const Poller::News& news,
                                 Screen::Size size) const;

  absl::Duration interval_ = absl::Seconds(1);
  bool once_ = false;
};

CLI::App* Top::AddTo(CLI::App& app) {
  CLI::App* sub = app.add_subcommand("top", "Watch queues, workers, rates and the latest batches");
  AddDuration(*sub, "--interval", interval_, "How often the master is asked");
  sub->add_flag("--once", once_, "Show it once, and end; so it does if stdout is no terminal");
  return sub;
}

std::string TopJson(const TopSnapshot& snapshot) {
  const auto list = [](const auto& items) {
    return absl::StrJoin(items, ",", [](std::string* out, const google::protobuf::Message& item) {
      out->append(ToJson(item));
    });
  };
  return absl::StrCat("{\"stats\":", ToJson(snapshot.stats), ",\"queues\":[",
                      list(snapshot.queues.queues()), "],\"workers\":[",
                      list(snapshot.workers.workers()), "],\"batches\":[", list(snapshot.batches),
                      "]}");
}

int Top::ShowOnce(Context& context) {
  const absl::StatusOr<TopSnapshot> snapshot = Ask(context.client(), context.Now());
  if (!snapshot.ok()) return context.Fail(snapshot.status());
  if (context.flags.json) {
    context.PrintDocument(TopJson(*snapshot));
    return kExitOk;
  }
  const TopView view{.look = context.look(),
                     .master = context.flags.masters[0],
                     .trouble = {},
                     .hint = {},
                     .now = context.Now()};
  for (const std::string& line : TopFrame(&*snapshot, nullptr, view)) {
    context.out() << line << "\n";
  }
  return kExitOk;
}

std::vector<std::string> Top::Frame(Context& context, const Poller::News& news,
                                    Screen::Size size) const {
  TopView view{.look = context.look(),
               .rows = size.rows,
               .master = context.flags.masters[0],
               .trouble = std::string(news.status.message()),
               .hint = absl::StrCat("every ", absl::FormatDuration(interval_), "; q leaves"),
               .now = context.Now()};
  view.look.columns = size.columns;
  if (!view.trouble.empty()) view.trouble += "; trying again";
  const std::vector<TopSnapshot>& all = news.snapshots;
  return TopFrame(all.empty() ? nullptr : &all.back(), all.size() < 2 ? nullptr : &all.front(),
                  view);
}

int Top::Live(Context& context) const {
  const absl::StatusOr<std::unique_ptr<Screen>> screen = Screen::Open(STDOUT_FILENO);
  if (!screen.ok()) return context.Fail(screen.status());
  const Poller poller(context.ImpatientClient(kPatience), interval_);
  int drawn = -1;
  Screen::Size drawn_size;
  while (!context.interrupted()) {
    const Screen::Size size = (*screen)->size();
    if (const int number = poller.number(); number != drawn || size != drawn_size) {
      (*screen)->Draw(Frame(context, poller.Latest(), size));
      drawn = number;
      drawn_size = size;
    }
    const std::optional<char> key = (*screen)->ReadKey(kTick);
    if (key.has_value() && absl::ascii_tolower(*key) == 'q') return kExitOk;
    if (key == Screen::kCtrlC) return kExitInterrupted;
  }
  return kExitInterrupted;
}

int Top::Run(Context& context) {
  constexpr absl::Duration kShortest = absl::Milliseconds(100);
  if (interval_ < kShortest) {
    return context.Usage(absl::StrCat("--interval is ", absl::FormatDuration(interval_),
                                      "; it must be ", absl::FormatDuration(kShortest),
                                      " or more"));
  }
  if (once_ || context.flags.json || !context.out_terminal().is_terminal) return ShowOnce(context);
  return Live(context);
}

}  // namespace

std::unique_ptr<Command> MakeTop() { return std::make_unique<Top>(); }

}  // namespace tarea
