#include "common/help.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>
#include <cstdlib>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/exit_codes.h"
#include "common/flag_errors.h"

namespace tarea {
namespace {

constexpr size_t kWidth = 100;
// Where descriptions begin, unless all labels are shorter.
constexpr size_t kColumn = 30;
constexpr char kOptionsGroup[] = "Options";

// Appends `text`, broken into lines that begin at `column`; the first one begins where `out` ends.
void AppendWrapped(std::string& out, absl::string_view text, size_t column) {
  const size_t newline = out.rfind('\n');
  size_t used = out.size() - (newline == std::string::npos ? 0 : newline + 1);
  bool first = true;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (!first && used + 1 + word.size() > kWidth) {
      absl::StrAppend(&out, "\n", std::string(column, ' '));
      used = column;
      first = true;
    }
    absl::StrAppend(&out, first ? "" : " ", word);
    used += word.size() + (first ? 0 : 1);
    first = false;
  }
  out += "\n";
}

// "  LABEL      DESCRIPTION"
struct Row {
  std::string label;
  std::string text;
};

void AppendRows(std::string& out, const std::vector<Row>& rows) {
  size_t column = 0;
  for (const Row& row : rows) column = std::max(column, std::min(row.label.size() + 4, kColumn));
  for (const Row& row : rows) {
    std::string line = absl::StrCat("  ", row.label);
    if (line.size() + 2 > column) {
      // A line that is a little too long is better than two.
      if (line.size() + 2 + row.text.size() > kWidth) {
        absl::StrAppend(&out, line, "\n", std::string(column, ' '));
      } else {
        absl::StrAppend(&out, line, "  ");
      }
    } else {
      absl::StrAppend(&out, line, std::string(column - line.size(), ' '));
    }
    AppendWrapped(out, row.text, column);
  }
}

Row OptionRow(const CLI::Option& option, const Settings& settings, bool all) {
  Row row{OptionLabel(option), OptionHelp(option, settings)};
  const std::string variable = settings.Variable(&option);
  if (all && !variable.empty()) absl::StrAppend(&row.text, " (", variable, ")");
  return row;
}

std::vector<std::string> Groups(const CLI::App& app) {
  std::vector<std::string> groups = {kOptionsGroup};
  for (const CLI::Option* option : ShownOptions(app)) {
    if (std::find(groups.begin(), groups.end(), option->get_group()) == groups.end()) {
      groups.push_back(option->get_group());
    }
  }
  return groups;
}

void AppendNames(std::string& out, absl::string_view title,
                 const std::vector<const CLI::Option*>& options) {
  std::string line = absl::StrCat(title, ": ");
  std::vector<std::string> names;
  for (const CLI::Option* option : options) names.push_back(option->get_name());
  AppendWrapped(line, absl::StrJoin(names, " "), 2);
  out += line;
}

void AppendOptions(std::string& out, const CLI::App& app, const Settings& settings, bool all) {
  std::string briefly;
  for (const std::string& group : Groups(app)) {
    std::vector<const CLI::Option*> options = ShownOptions(app);
    options.erase(std::remove_if(options.begin(), options.end(),
                                 [&](const auto* option) { return option->get_group() != group; }),
                  options.end());
    if (options.empty()) continue;
    if (!all && group != kOptionsGroup) {
      AppendNames(briefly, group, options);
      continue;
    }
    absl::StrAppend(&out, "\n", group, ":\n");
    std::vector<Row> rows;
    for (const CLI::Option* option : options) rows.push_back(OptionRow(*option, settings, all));
    AppendRows(out, rows);
  }
  out += briefly;
}

void AppendGlobalOptions(std::string& out, const CLI::App& command, absl::string_view program) {
  const CLI::App* app = command.get_parent();
  if (app == nullptr) return;
  std::vector<const CLI::Option*> options;
  for (const CLI::Option* option : ShownOptions(*app)) {
    if (option->get_group() == kOptionsGroup && option->get_configurable() &&
        option != app->get_help_ptr() && option != app->get_version_ptr()) {
      options.push_back(option);
    }
  }
  if (options.empty()) return;
  AppendNames(out, absl::StrCat("Options of every command (", program, " --help)"), options);
}

void AppendCommands(std::string& out, const CLI::App& app) {
  std::vector<Row> rows;
  for (const CLI::App* command : ShownCommands(app)) {
    std::string name = command->get_name();
    for (const std::string& alias : command->get_aliases()) absl::StrAppend(&name, ", ", alias);
    rows.push_back({name, command->get_description()});
  }
  if (rows.empty()) return;
  out += "\nCommands:\n";
  AppendRows(out, rows);
}

// Where else a value can come from, shown with one flag of this very command.
std::string SettingsLine(const CLI::App& app, const Settings& settings) {
  for (const CLI::Option* option : ShownOptions(app)) {
    const std::string variable = settings.Variable(option);
    if (variable.empty() || !option->get_configurable()) continue;
    return absl::StrCat("Options are also variables (", option->get_name(), ": ", variable,
                        ") and keys of the configuration file (--config).\n");
  }
  return "";
}

}  // namespace

std::string RenameInExamples(absl::string_view line, absl::string_view from, absl::string_view to) {
  std::string renamed;
  while (true) {
    const size_t found = line.find(from);
    if (found == absl::string_view::npos) return absl::StrCat(renamed, line);
    const size_t end = found + from.size();
    const bool begins = found == 0 || line[found - 1] == ' ';
    const bool ends = end == line.size() || line[end] == ' ';
    absl::StrAppend(&renamed, line.substr(0, found), begins && ends ? to : from);
    line.remove_prefix(end);
  }
}

FooterParts SplitFooter(const CLI::App& app, absl::string_view program, absl::string_view name) {
  FooterParts parts;
  const std::string footer = app.get_footer();
  if (app.get_parent() != nullptr && footer == app.get_parent()->get_footer()) return parts;
  for (absl::string_view paragraph : absl::StrSplit(footer, "\n\n")) {
    paragraph = absl::StripAsciiWhitespace(paragraph);
    const std::vector<std::string> lines = absl::StrSplit(paragraph, '\n');
    if (paragraph.empty()) continue;
    if (lines[0] == "Examples:" || lines[0] == "Example:") {
      for (size_t i = 1; i < lines.size(); ++i) {
        parts.examples.push_back(
            RenameInExamples(absl::StripPrefix(lines[i], "  "), program, name));
      }
    } else if (lines.size() == 1 && parts.usage.empty() &&
               absl::StartsWith(paragraph,
                                absl::StrCat(program, " ", app.get_name(), " [OPTIONS]"))) {
      parts.usage = RenameInExamples(paragraph, program, name);
    } else {
      parts.paragraphs.push_back(std::string(paragraph));
    }
  }
  return parts;
}

std::string ValueLabel(const CLI::Option& option) {
  const std::string type = TypeName(option);
  // "[=VALUE]" of a flag that can have one.
  if (option.get_items_expected_max() == 0) return type;
  return type == "INT" || type == "UINT" || type == "FLOAT" ? "N" : type;
}

std::string OptionLabel(const CLI::Option& option) {
  if (option.get_positional()) return option.get_name(true);
  std::vector<std::string> names;
  for (const std::string& name : option.get_snames()) names.push_back(absl::StrCat("-", name));
  for (const std::string& name : option.get_lnames()) names.push_back(absl::StrCat("--", name));
  const std::string value = ValueLabel(option);
  return absl::StrCat(absl::StrJoin(names, ", "),
                      value.empty() || absl::StartsWith(value, "[=") ? "" : " ", value);
}

std::string OptionHelp(const CLI::Option& option, const Settings& settings) {
  std::string text = option.get_description();
  const std::vector<std::string> choices = Choices(option);
  if (!std::all_of(choices.begin(), choices.end(),
                   [&](const std::string& choice) { return absl::StrContains(text, choice); })) {
    absl::StrAppend(&text, ": ", absl::StrJoin(choices, ", "));
  }
  std::string value = option.get_default_str();
  if (absl::StartsWith(value, "[") && absl::EndsWith(value, "]")) {
    value = value.substr(1, value.size() - 2);
  }
  const char* home = std::getenv("HOME");  // NOLINT(concurrency-mt-unsafe)
  if (home != nullptr && *home != '\0' && absl::StartsWith(value, absl::StrCat(home, "/"))) {
    value.replace(0, std::string(home).size(), "~");
  }
  if (settings.IsRequired(&option)) absl::StrAppend(&text, " (required)");
  if (!value.empty() && !absl::EndsWith(text, "]")) absl::StrAppend(&text, " [", value, "]");
  return text;
}

std::string UsageLine(const CLI::App& app, const FooterParts& footer,
                      const std::string& invocation) {
  if (!footer.usage.empty()) return footer.usage;
  std::string line = absl::StrCat(invocation, " [OPTIONS]");
  for (const CLI::Option* argument : ShownArguments(app)) {
    std::string name = argument->get_name(true);
    for (char& c : name) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    if (argument->get_items_expected_max() > 1) name += "...";
    absl::StrAppend(&line, " ", argument->get_required() ? name : absl::StrCat("[", name, "]"));
  }
  if (!ShownCommands(app).empty()) {
    line += app.get_require_subcommand_min() > 0 ? " COMMAND" : " [COMMAND]";
  }
  return line;
}

std::string ExitCodesLine() {
  std::vector<std::string> codes;
  for (const ExitCodeText& text : kExitCodeTexts) {
    codes.push_back(absl::StrCat(text.code, " ", text.brief));
  }
  return absl::StrJoin(codes, ", ");
}

std::vector<const CLI::App*> ShownCommands(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) {
    return !command->get_name().empty() && !command->get_group().empty();
  });
}

std::vector<const CLI::Option*> ShownOptions(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return !option->get_group().empty() && option->nonpositional();
  });
}

std::vector<const CLI::Option*> ShownArguments(const CLI::App& app) {
  return app.get_options([](const CLI::Option* option) {
    return !option->get_group().empty() && option->get_positional();
  });
}

std::string Help(const CLI::App& app, const Settings& settings, const std::string& invocation,
                 absl::string_view program, bool all) {
  const std::string name = invocation.substr(0, invocation.find(' '));
  const FooterParts footer = SplitFooter(app, program, name);
  std::string out = absl::StrCat("Usage: ", UsageLine(app, footer, invocation), "\n",
                                 app.get_description(), "\n");
  std::vector<Row> arguments;
  for (const CLI::Option* argument : ShownArguments(app)) {
    arguments.push_back(OptionRow(*argument, settings, all));
  }
  if (!arguments.empty()) {
    out += "\nArguments:\n";
    AppendRows(out, arguments);
  }
  AppendCommands(out, app);
  AppendOptions(out, app, settings, all);
  AppendGlobalOptions(out, app, name);
  for (const std::string& paragraph : footer.paragraphs) {
    absl::StrAppend(&out, "\n", paragraph, "\n");
  }
  if (!footer.examples.empty()) out += "\nExamples:\n";
  for (const std::string& example : footer.examples) absl::StrAppend(&out, "  ", example, "\n");
  absl::StrAppend(&out, "\n", SettingsLine(app, settings), "Exit codes: ");
  AppendWrapped(out, ExitCodesLine(), 2);
  return out;
}

}  // namespace tarea
