#include "common/man_page.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/config_file.h"
#include "common/exit_codes.h"
#include "common/help.h"
#include "common/version.h"

namespace tarea {
namespace {

// Text of a line, so that roff takes none of it for a request.
std::string Escaped(absl::string_view text) {
  std::string escaped = absl::StrReplaceAll(text, {{"\\", "\\e"}, {"-", "\\-"}});
  if (absl::StartsWith(escaped, ".") || absl::StartsWith(escaped, "'")) {
    escaped.insert(0, "\\&");
  }
  return escaped;
}

std::string Upper(absl::string_view text) { return absl::AsciiStrToUpper(text); }

class Page {
 public:
  explicit Page(std::string name) : name_(std::move(name)) {}

  void Section(absl::string_view title) { Line(".SH ", title); }
  void Subsection(absl::string_view title) { Line(".SS ", Escaped(title)); }
  void Text(absl::string_view text) { Line(Escaped(text)); }
  void Paragraph(absl::string_view text) {
    Line(".PP");
    for (const absl::string_view line : absl::StrSplit(text, '\n')) {
      if (!line.empty()) Text(line);
    }
  }
  // `tag` in bold, and what it is.
  void Item(absl::string_view tag, absl::string_view text) {
    Line(".TP");
    Line("\\fB", Escaped(tag), "\\fR");
    Text(text);
  }
  void Literal(const std::vector<std::string>& lines) {
    if (lines.empty()) return;
    Line(".PP");
    Line(".nf");
    Line(".RS 4");
    for (const std::string& line : lines) Text(line);
    Line(".RE");
    Line(".fi");
  }
  template <typename... Parts>
  void Line(const Parts&... parts) {
    absl::StrAppend(&roff_, parts..., "\n");
  }

  const std::string& name() const { return name_; }
  const std::string& roff() const { return roff_; }

 private:
  const std::string name_;
  std::string roff_;
};

void AddOptions(Page& page, const CLI::App& app, const Settings& settings) {
  std::vector<const CLI::Option*> options = ShownArguments(app);
  const std::vector<const CLI::Option*> flags = ShownOptions(app);
  // The flags of the group "Options" first, as in the help.
  std::copy_if(flags.begin(), flags.end(), std::back_inserter(options),
               [](const auto* option) { return option->get_group() == "Options"; });
  std::copy_if(flags.begin(), flags.end(), std::back_inserter(options),
               [](const auto* option) { return option->get_group() != "Options"; });
  for (const CLI::Option* option : options) {
    std::string label = OptionLabel(*option);
    if (option->get_positional()) label = Upper(label);
    const std::string variable = settings.Variable(option);
    page.Item(label, absl::StrCat(OptionHelp(*option, settings), ".",
                                  variable.empty() ? "" : absl::StrCat(" Variable: ", variable)));
  }
}

void AddCommands(Page& page, const CLI::App& app, const Settings& settings,
                 absl::string_view program) {
  const std::vector<const CLI::App*> commands = ShownCommands(app);
  if (commands.empty()) return;
  page.Section("COMMANDS");
  page.Text("The options above may stand before or after the name of a command.");
  for (const CLI::App* command : commands) {
    const FooterParts footer = SplitFooter(*command, program, page.name());
    page.Subsection(command->get_name());
    page.Text(UsageLine(*command, footer, absl::StrCat(page.name(), " ", command->get_name())));
    page.Paragraph(absl::StrCat(command->get_description(), "."));
    for (const std::string& alias : command->get_aliases()) {
      page.Paragraph(absl::StrCat("Another name of it is ", alias, "."));
    }
    for (const std::string& paragraph : footer.paragraphs) page.Paragraph(paragraph);
    AddOptions(page, *command, settings);
    page.Literal(footer.examples);
  }
}

void AddEnvironmentAndFiles(Page& page, absl::string_view program) {
  page.Section("ENVIRONMENT");
  page.Text(
      "Every option that names a variable takes its value from there if it is not on the command "
      "line. The environment counts more than the configuration file, which counts more than the "
      "defaults.");
  page.Item("TAREA_CONFIG", "The configuration file to read, as with --config.");
  page.Item("XDG_CONFIG_HOME", "Where configuration files of the user are; ~/.config if not set.");
  page.Section("FILES");
  page.Text(
      "Of these the first that exists is read, unless --config or TAREA_CONFIG names another:");
  const std::string file = absl::StrCat("tarea/", program, ".toml");
  page.Item(absl::StrCat("$XDG_CONFIG_HOME/", file), "The user's, if the variable is set.");
  page.Item(absl::StrCat("~/.config/", file), "The user's.");
  page.Item(absl::StrCat("/etc/", file), "That of the machine.");
  page.Paragraph(
      "It is in TOML: a key is the long name of an option without its dashes. The options of a "
      "command stand in a table with the name of the command. --print-config prints one.");
}

void AddRest(Page& page, const FooterParts& footer) {
  page.Section("EXIT STATUS");
  for (const ExitCodeText& text : kExitCodeTexts) {
    page.Item(absl::StrCat(text.code, " ", text.brief), text.meaning);
  }
  page.Section("EXAMPLES");
  page.Literal(footer.examples);
  page.Section("SEE ALSO");
  std::vector<std::string> others;
  for (const char* other : {"tarea-client", "tarea-master", "tarea-worker"}) {
    if (other != page.name()) others.push_back(absl::StrCat("\\fB", Escaped(other), "\\fR(1)"));
  }
  page.Line(absl::StrJoin(others, ", "));
}

}  // namespace

std::string ManPage(const CLI::App& app, const Settings& settings, absl::string_view program) {
  const std::string installed = absl::StrCat("tarea-", program);
  Page page(app.get_name() == program ? installed : app.get_name());
  const FooterParts footer = SplitFooter(app, program, page.name());
  std::string summary = app.get_description();
  if (absl::EndsWith(summary, ".")) summary.pop_back();

  page.Line(".TH ", Escaped(Upper(page.name())), " 1 \"\" \"Tarea ", Version(), "\" \"Tarea\"");
  // One line stays one line, and nothing is hyphenated: options must stay whole.
  page.Line(".nh\n.ad l");
  page.Section("NAME");
  page.Line(Escaped(page.name()), " \\- ", Escaped(summary));
  page.Section("SYNOPSIS");
  page.Text(UsageLine(app, footer, page.name()));
  page.Section("DESCRIPTION");
  page.Text(app.get_description());
  for (const std::string& paragraph : footer.paragraphs) page.Paragraph(paragraph);
  page.Section("OPTIONS");
  AddOptions(page, app, settings);
  AddCommands(page, app, settings, program);
  AddEnvironmentAndFiles(page, program);
  AddRest(page, footer);
  return page.roff();
}

}  // namespace tarea
