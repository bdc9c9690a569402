#include "bench/report.h"

#include <algorithm>
#include <cmath>
#include <iostream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/measure.h"

namespace tarea {
namespace {

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

double Least(const std::vector<double>& values) {
  return *std::min_element(values.begin(), values.end());
}

double Greatest(const std::vector<double>& values) {
  return *std::max_element(values.begin(), values.end());
}

// Three digits that mean something: "0.24", "15.3", "142,000".
std::string Number(double value) {
  if (value < 10) return absl::StrFormat("%.2f", value);
  if (value < 100) return absl::StrFormat("%.1f", value);
  return WithCommas(std::llround(value));
}

bool IsMet(const Goal& goal, double value) {
  return goal.kind == Goal::kAtLeast ? value >= goal.limit : value <= goal.limit;
}

std::string Verdict(const Goal& goal, double value) {
  if (goal.kind == Goal::kNone) return "";
  return absl::StrCat(goal.kind == Goal::kAtLeast ? "at least " : "at most ", Number(goal.limit),
                      IsMet(goal, value) ? ": met" : ": MISSED");
}

}  // namespace

void Report::Add(const std::string& scenario, const std::string& name, double value,
                 const std::string& unit, Goal goal) {
  for (Figure& figure : figures_) {
    if (figure.scenario == scenario && figure.name == name) {
      figure.rounds.push_back(value);
      return;
    }
  }
  figures_.push_back({scenario, name, unit, goal, {value}});
}

void Report::Print(std::ostream& out) const {
  size_t name_width = 0;
  size_t rounds = 0;
  for (const Figure& figure : figures_) {
    name_width = std::max(name_width, figure.name.size());
    rounds = std::max(rounds, figure.rounds.size());
  }
  const int width = static_cast<int>(name_width);
  std::string header = absl::StrFormat("%-*s  %12s %-5s", width + 2, "", "median", "");
  if (rounds > 1) absl::StrAppendFormat(&header, "%11s %11s", "min", "max");
  out << header << "  goal\n";
  absl::string_view scenario;
  for (const Figure& figure : figures_) {
    if (figure.scenario != scenario) out << (scenario = figure.scenario) << "\n";
    const double median = Median(figure.rounds);
    std::string line =
        absl::StrFormat("  %-*s  %12s %-5s", width, figure.name, Number(median), figure.unit);
    if (rounds > 1) {
      absl::StrAppendFormat(&line, "%11s %11s", Number(Least(figure.rounds)),
                            Number(Greatest(figure.rounds)));
    }
    absl::StrAppend(&line, "  ", Verdict(figure.goal, median));
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  }
}

nlohmann::json Report::ToJson() const {
  nlohmann::json list = nlohmann::json::array();
  for (const Figure& figure : figures_) {
    const double median = Median(figure.rounds);
    nlohmann::json item = {{"scenario", figure.scenario}, {"name", figure.name},
                           {"unit", figure.unit},         {"median", median},
                           {"min", Least(figure.rounds)}, {"max", Greatest(figure.rounds)},
                           {"rounds", figure.rounds}};
    if (figure.goal.kind != Goal::kNone) {
      const char* kind = figure.goal.kind == Goal::kAtLeast ? "at_least" : "at_most";
      item["goal"] = {{kind, figure.goal.limit}};
      item["met"] = IsMet(figure.goal, median);
    }
    list.push_back(std::move(item));
  }
  return list;
}

void Findings::Say(absl::string_view text) const {
  std::cerr << "   " << scenario_ << ": " << text << "\n";
}

}  // namespace tarea
