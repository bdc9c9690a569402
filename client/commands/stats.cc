#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/output.h"
#include "common/exit_codes.h"

namespace tarea {
namespace {

class Stats : public Command {
 public:
  CLI::App* AddTo(CLI::App& app) override {
    return app.add_subcommand("stats", "Show totals over all queues, and facts about the master");
  }

  int Run(Context& context) override {
    const auto stats = context.client().Stats();
    if (!stats.ok()) return context.Fail(stats.status());
    std::ostream& out = context.out();
    if (context.flags.json) {
      out << ToJson(*stats) << "\n";
      return kExitOk;
    }
    out << "tasks     " << CountsText(stats->counts()) << "\n"
        << "batches   " << stats->batches() << "\n"
        << "workers   " << stats->workers() << ", " << stats->parked_polls()
        << " waiting for work\n"
        << "master    version " << Printable(stats->version()) << ", up since "
        << When(stats->started_at(), context.Now()) << "\n"
        << "store     " << Printable(stats->store());
    if (!stats->durability().empty()) out << ", durability " << Printable(stats->durability());
    out << "\n";
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeStats() { return std::make_unique<Stats>(); }

}  // namespace tarea
