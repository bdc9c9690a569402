#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "client/commands/command.h"
#include "client/commands/facts.h"
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
    if (context.flags.json) {
      context.PrintDocument(ToJson(*stats));
      return kExitOk;
    }
    Facts facts(context.out(), context.look());
    facts.Line("tasks", CountsText(stats->counts()));
    facts.Line("batches", absl::StrCat(stats->batches()));
    facts.Line("workers",
               absl::StrCat(stats->workers(), ", ", stats->parked_polls(), " waiting for work"));
    facts.Line("master", absl::StrCat("version ", Printable(stats->version()), ", up since ",
                                      When(stats->started_at(), context.Now())));
    std::string store = Printable(stats->store());
    if (!stats->durability().empty()) {
      absl::StrAppend(&store, ", durability ", Printable(stats->durability()));
    }
    facts.Line("store", store);
    return kExitOk;
  }
};

}  // namespace

std::unique_ptr<Command> MakeStats() { return std::make_unique<Stats>(); }

}  // namespace tarea
