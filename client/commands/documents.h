#ifndef TAREA_CLIENT_COMMANDS_DOCUMENTS_H_
#define TAREA_CLIENT_COMMANDS_DOCUMENTS_H_

#include <ostream>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What commands print for programs: docs/json.md says what each of them has.
namespace tarea {

enum class OutputFormat {
  // For people; fits the terminal.
  kTable,
  // For people; all that there is, at whatever width.
  kWide,
  // One JSON document per command, on lines of its own.
  kJson,
  // One JSON object per line and item.
  kJsonLines,
  // The document of kJson as YAML.
  kYaml,
};

// Of "table", "wide", "json", "jsonl", "yaml". INVALID_ARGUMENT names these.
absl::StatusOr<OutputFormat> ParseOutputFormat(absl::string_view name);

// Whether it is one of those that are not for people.
bool IsForPrograms(OutputFormat format);

// `json`, one object or array, as YAML in block style, with a newline at its end. Texts that could
// be taken for something else are quoted, and no character in them can act on a terminal.
// INVALID_ARGUMENT if it is not JSON.
absl::StatusOr<std::string> JsonToYaml(absl::string_view json);

// Prints one document: either by Document, or by any number of Items and one End. Not thread-safe.
//
//     Documents documents(out, OutputFormat::kJson);
//     documents.Begin("tasks");
//     documents.Item(R"({"id":"1"})");
//     documents.Item(R"({"id":"2"})");
//     documents.End(R"({"cursor":"7"})");   // {"tasks":[{"id":"1"},{"id":"2"}],"cursor":"7"}
//
// As JSON lines it prints each item by itself and leaves out the rest.
class Documents {
 public:
  // `out` must outlive it. `format` is one for programs.
  Documents(std::ostream& out, OutputFormat format) : out_(out), format_(format) {}

  OutputFormat format() const { return format_; }

  // One object, whole.
  void Document(absl::string_view json);

  // From here on come the items of the list `field`, of which there may be none. Nothing if a list
  // was begun already.
  void Begin(absl::string_view field);
  // The first one begins the list "tasks" if none was begun.
  void Item(absl::string_view json);
  // Closes what was begun, if anything was. `rest` holds the fields of the document after the list.
  void End(absl::string_view rest = "{}");

 private:
  std::ostream& out_;
  const OutputFormat format_;
  bool open_ = false;
  bool first_ = true;
};

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_DOCUMENTS_H_
