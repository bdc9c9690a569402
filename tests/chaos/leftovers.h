#ifndef TAREA_TESTS_CHAOS_LEFTOVERS_H_
#define TAREA_TESTS_CHAOS_LEFTOVERS_H_

#include <string>
#include <vector>

namespace tarea {

// The processes of this machine that have this variable in their environment, with id and command
// line, but for those that have ended and only wait to be reaped.
std::vector<std::string> ProcessesWith(const std::string& variable, const std::string& value);

}  // namespace tarea

#endif  // TAREA_TESTS_CHAOS_LEFTOVERS_H_
