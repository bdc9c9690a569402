#ifndef TAREA_COMMON_HELP_H_
#define TAREA_COMMON_HELP_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/cli_fwd.h"
#include "common/settings.h"

// The texts that describe a program to people: --help here, also read by man_page.h and
// completion.h. All walk the CLI::App, so a flag is described in one place: where it is added.
namespace tarea {

// A footer (CLI::App::footer) in its parts: an own "Usage: " line, paragraphs, and the lines below
// "Examples:".
struct FooterParts {
  std::string usage;
  std::vector<std::string> paragraphs;
  std::vector<std::string> examples;
};

// The parts of `app`'s own footer; one that a command has only inherited counts as none. In usage
// and examples `program`, the name it has in the sources, is replaced by `name`.
FooterParts SplitFooter(const CLI::App& app, absl::string_view program, absl::string_view name);

// `line` with `from` replaced by `to` wherever it stands as the name of a program.
std::string RenameInExamples(absl::string_view line, absl::string_view from, absl::string_view to);

// "-a, --arg-file FILE", "--json", or for an argument its name.
std::string OptionLabel(const CLI::Option& option);

// What follows the name of an option, for instance "FILE"; empty for a switch.
std::string ValueLabel(const CLI::Option& option);

// The description with what it may be and the default: "How long to try [10s]".
std::string OptionHelp(const CLI::Option& option, const Settings& settings);

// "client run [OPTIONS] -- CMD ...". `invocation` is "client run".
std::string UsageLine(const CLI::App& app, const FooterParts& footer,
                      const std::string& invocation);

// "0 all succeeded, 1 some failed, ..."
std::string ExitCodesLine();

// The subcommands that may be shown, in order.
std::vector<const CLI::App*> ShownCommands(const CLI::App& app);

// The options with a name, or the arguments, that may be shown, in order.
std::vector<const CLI::Option*> ShownOptions(const CLI::App& app);
std::vector<const CLI::Option*> ShownArguments(const CLI::App& app);

// What --help prints: options of the group "Options" with their descriptions, of other groups the
// names only, so that it fits a screen. With `all` everything, with the variables.
// `invocation` is "tarea-client run" where `program` is "client".
std::string Help(const CLI::App& app, const Settings& settings, const std::string& invocation,
                 absl::string_view program, bool all);

}  // namespace tarea

#endif  // TAREA_COMMON_HELP_H_
