#ifndef TAREA_COMMON_FLAG_ERRORS_H_
#define TAREA_COMMON_FLAG_ERRORS_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/cli_fwd.h"

// What to say about a command line that makes no sense. CLI11's own texts name neither what was
// meant nor, for many mistakes, the value.
namespace tarea {

// The name of an option's kind of value, without what is said of its checks: INT of a number in a
// range, HOST:PORT of an address.
std::string TypeName(const CLI::Option& option);

// The values that a flag takes, if they are a fixed set; empty otherwise. That is what
// CLI::IsMember({"a", "b"}) makes known, and so does a type_name that ends in ":{a,b}", where a
// check has to be another one.
std::vector<std::string> Choices(const CLI::Option& option);

// Checks the values that `option` has been given and hands them to whoever added it.
// INVALID_ARGUMENT: it does not take them; the message has the value, but no name of the flag.
absl::Status RunCallback(CLI::Option& option);

// INVALID_ARGUMENT: a flag that takes a list has one with nothing in it, as in `--master , stats`.
// CLI11 would go on and take the next word, here the command, for the value.
absl::Status CheckLists(const CLI::App& app, const std::vector<std::string>& words);

// What is wrong with the words that made `app` throw `error`: one line without a name of the
// program.
std::string Describe(CLI::App& app, const CLI::ParseError& error);

}  // namespace tarea

#endif  // TAREA_COMMON_FLAG_ERRORS_H_
