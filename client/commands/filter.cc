#include "client/commands/filter.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "client/commands/output.h"
#include "common/convert.h"
#include "common/logging.h"

namespace tarea {
namespace {

using Op = Filter::Op;

// Longer ones before those that they begin with.
constexpr std::array<std::pair<absl::string_view, Op>, 8> kOps = {{{"!=", Op::kIsNot},
                                                                   {"!~", Op::kHasNot},
                                                                   {"<=", Op::kAtMost},
                                                                   {">=", Op::kAtLeast},
                                                                   {"=", Op::kIs},
                                                                   {"~", Op::kHas},
                                                                   {"<", Op::kLess},
                                                                   {">", Op::kMore}}};

bool Compares(Op op) {
  return op == Op::kLess || op == Op::kAtMost || op == Op::kMore || op == Op::kAtLeast;
}

bool IsNumeric(FilterField::Kind kind) {
  return kind == FilterField::kNumber || kind == FilterField::kAge;
}

// Splits at each `separator` that does not stand after a backslash. Keeps the backslashes.
std::vector<std::string> SplitAt(absl::string_view text, char separator) {
  std::vector<std::string> parts(1);
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == separator) {
      parts.emplace_back();
      continue;
    }
    parts.back() += text[i];
    if (text[i] == '\\' && i + 1 < text.size()) parts.back() += text[++i];
  }
  return parts;
}

std::string Unescaped(absl::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    out += text[i];
  }
  return out;
}

const FilterField* FindField(absl::string_view name, const std::vector<FilterField>& fields) {
  for (const FilterField& field : fields) {
    const bool family = field.kind == FilterField::kFamily;
    if (family ? absl::StartsWith(name, field.name) && name.size() > field.name.size()
               : name == field.name) {
      return &field;
    }
  }
  return nullptr;
}

std::string Names(const std::vector<FilterField>& fields) {
  return absl::StrJoin(fields, ", ", [](std::string* out, const FilterField& field) {
    absl::StrAppend(out, field.name, field.kind == FilterField::kFamily ? "NAME" : "");
  });
}

absl::Status AddValue(const std::string& value, Filter::Term& term) {
  if (term.kind == FilterField::kTaskState && (term.op == Op::kIs || term.op == Op::kIsNot)) {
    const absl::StatusOr<std::vector<v1::TaskState>> states = ParseStates(value);
    if (!states.ok()) return states.status();
    for (const v1::TaskState state : *states) term.values.push_back(StateName(state));
    return absl::OkStatus();
  }
  term.values.push_back(value);
  if (term.kind == FilterField::kNumber) {
    if (!absl::SimpleAtod(value, &term.numbers.emplace_back())) {
      return absl::InvalidArgumentError(absl::StrCat("'", Printable(value), "' is not a number"));
    }
  } else if (term.kind == FilterField::kAge) {
    const absl::StatusOr<absl::Duration> age = ParseDuration(value);
    if (!age.ok()) return age.status();
    term.numbers.push_back(absl::ToDoubleSeconds(*age));
  }
  return absl::OkStatus();
}

absl::StatusOr<Filter::Term> ParseTerm(absl::string_view text,
                                       const std::vector<FilterField>& fields) {
  const size_t end = text.find_first_of("!=~<>");
  const std::string name(absl::StripAsciiWhitespace(text.substr(0, end)));
  absl::string_view rest = end == absl::string_view::npos ? "" : text.substr(end);
  const auto* op = std::find_if(kOps.begin(), kOps.end(), [&](const auto& known) {
    return absl::ConsumePrefix(&rest, known.first);
  });
  if (name.empty() || op == kOps.end()) {
    return absl::InvalidArgumentError(
        "it must be FIELD, one of = != ~ !~ < <= > >=, and a value, for instance state=failed");
  }
  const FilterField* field = FindField(name, fields);
  if (field == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no field '", Printable(name), "'; these are ", Names(fields)));
  }
  if (Compares(op->second) && !IsNumeric(field->kind)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Printable(name), " is not a number; it goes with = != ~ !~"));
  }
  if ((op->second == Op::kHas || op->second == Op::kHasNot) && IsNumeric(field->kind)) {
    return absl::InvalidArgumentError(
        absl::StrCat(Printable(name), " is a number; it goes with = != < <= > >="));
  }
  Filter::Term term{.field = name, .kind = field->kind, .op = op->second, .values = {}};
  for (const std::string& value : SplitAt(rest, '|')) {
    const std::string plain = Unescaped(absl::StripAsciiWhitespace(value));
    if (absl::Status status = AddValue(plain, term); !status.ok()) return status;
  }
  return term;
}

bool NumberHolds(const Filter::Term& term, double have) {
  const auto any = [&](auto holds) {
    return std::any_of(term.numbers.begin(), term.numbers.end(), holds);
  };
  switch (term.op) {
    case Op::kIs:
      return any([&](double want) { return have == want; });
    case Op::kIsNot:
      return !any([&](double want) { return have == want; });
    case Op::kLess:
      return any([&](double want) { return have < want; });
    case Op::kAtMost:
      return any([&](double want) { return have <= want; });
    case Op::kMore:
      return any([&](double want) { return have > want; });
    case Op::kAtLeast:
      return any([&](double want) { return have >= want; });
    case Op::kHas:
    case Op::kHasNot:
      break;
  }
  return false;
}

bool TextHolds(const Filter::Term& term, std::vector<std::string> have) {
  if (have.empty()) have.emplace_back();
  const bool part = term.op == Op::kHas || term.op == Op::kHasNot;
  bool found = false;
  for (const std::string& text : have) {
    for (const std::string& want : term.values) {
      found |= part ? absl::StrContains(absl::AsciiStrToLower(text), absl::AsciiStrToLower(want))
                    : text == want;
    }
  }
  return found == (term.op == Op::kIs || term.op == Op::kHas);
}

}  // namespace

absl::Status Filter::Add(absl::string_view text, const std::vector<FilterField>& fields) {
  for (const std::string& part : SplitAt(text, ',')) {
    absl::StatusOr<Term> term = ParseTerm(part, fields);
    if (!term.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("'", Printable(part), "': ", term.status().message()));
    }
    terms_.push_back(*std::move(term));
  }
  return absl::OkStatus();
}

bool Filter::Matches(absl::FunctionRef<FilterValue(absl::string_view field)> value_of) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    FilterValue have = value_of(term.field);
    return IsNumeric(term.kind) ? NumberHolds(term, have.number)
                                : TextHolds(term, std::move(have.texts));
  });
}

CLI::Option* AddFilter(CLI::App& app, const std::vector<FilterField>& fields, Filter& filter) {
  return app
      .add_option_function<std::vector<std::string>>(
          "--filter",
          [&filter, fields](const std::vector<std::string>& texts) {
            for (const std::string& text : texts) {
              if (absl::Status status = filter.Add(text, fields); !status.ok()) {
                throw CLI::ValidationError("--filter", std::string(status.message()));
              }
            }
          },
          absl::StrCat(
              "Only what matches, for instance ", fields[0].name,
              "=VALUE; also != ~ (contains) !~ < > and , | for and, or. Fields: ", Names(fields)))
      ->allow_extra_args(false)
      ->type_name("FIELD=VALUE[,...]");
}

}  // namespace tarea
