#ifndef TAREA_CLIENT_COMMANDS_FILTER_H_
#define TAREA_CLIENT_COMMANDS_FILTER_H_

#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/cli_fwd.h"

namespace tarea {

// A field that --filter of some command knows.
struct FilterField {
  enum Kind {
    kText,
    kNumber,
    // How long ago; compared with a duration, "1h30m".
    kAge,
    // A state of tasks, or a word for several of them (ParseStates).
    kTaskState,
    // Any of the fields that begin with `name`, which ends with a dot: "label.env".
    kFamily,
  };
  std::string name;
  Kind kind = kText;
};

// What an item has in a field.
struct FilterValue {
  // Several where a field holds a list; none where it is not set, which is as if it was empty.
  std::vector<std::string> texts = {};
  // Of kNumber; seconds of kAge.
  double number = 0;
};

// A condition that is written like
//
//     state=failed|cancelled,type!=exec,label.env=prod,name~deploy,attempt>1,age<1h
//
// Every term must hold. = is the same as, != not the same; ~ contains, !~ does not, whether letters
// are large or small; < <= > >= compare numbers and ages. Alternatives stand between bars; a comma,
// bar or backslash that belongs to a value stands after a backslash.
class Filter {
 public:
  enum class Op { kIs, kIsNot, kHas, kHasNot, kLess, kAtMost, kMore, kAtLeast };
  struct Term {
    std::string field;
    FilterField::Kind kind = FilterField::kText;
    Op op = Op::kIs;
    // At least one; names of states are those that are shown.
    std::vector<std::string> values;
    // The values of kNumber and kAge.
    std::vector<double> numbers = {};
  };

  // Adds what `text` says to the conditions. INVALID_ARGUMENT says which term is wrong and what it
  // may be.
  absl::Status Add(absl::string_view text, const std::vector<FilterField>& fields);

  bool Matches(absl::FunctionRef<FilterValue(absl::string_view field)> value_of) const;

  const std::vector<Term>& terms() const { return terms_; }
  bool empty() const { return terms_.empty(); }

 private:
  std::vector<Term> terms_;
};

// --filter, several times. `filter` must outlive `app`.
CLI::Option* AddFilter(CLI::App& app, const std::vector<FilterField>& fields, Filter& filter);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_FILTER_H_
