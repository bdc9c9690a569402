#ifndef TAREA_BENCH_REPORT_H_
#define TAREA_BENCH_REPORT_H_

#include <nlohmann/json.hpp>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace tarea {

// What a figure is to be.
struct Goal {
  enum Kind { kNone, kAtLeast, kAtMost } kind = kNone;
  double limit = 0;
};
inline Goal AtLeast(double limit) { return {Goal::kAtLeast, limit}; }
inline Goal AtMost(double limit) { return {Goal::kAtMost, limit}; }

// What was measured, over all rounds. Not thread-safe.
class Report {
 public:
  // Adds a round's figure. `unit` is what stands behind the number ("/s", "us", "x"); it and the
  // goal count as given the first time.
  void Add(const std::string& scenario, const std::string& name, double value,
           const std::string& unit, Goal goal = {});

  // A table for people: the median of each figure's rounds and, if there were several, the least
  // and the greatest.
  void Print(std::ostream& out) const;

  // A list of {scenario, name, unit, median, min, max, rounds: [...]}, and with a goal {goal:
  // {at_least or at_most: N}, met: true}.
  nlohmann::json ToJson() const;

 private:
  struct Figure {
    std::string scenario;
    std::string name;
    std::string unit;
    Goal goal;
    std::vector<double> rounds;
  };

  std::vector<Figure> figures_;  // in the order in which they came
};

// What one scenario has to say. Not thread-safe.
class Findings {
 public:
  // `report` must outlive it.
  Findings(Report* report, std::string scenario)
      : report_(*report), scenario_(std::move(scenario)) {}

  void Add(const std::string& name, double value, const std::string& unit, Goal goal = {}) {
    report_.Add(scenario_, name, value, unit, goal);
  }

  // Tells on stderr what is going on.
  void Say(absl::string_view text) const;

 private:
  Report& report_;
  const std::string scenario_;
};

}  // namespace tarea

#endif  // TAREA_BENCH_REPORT_H_
