#ifndef TAREA_COMMON_CLI_FWD_H_
#define TAREA_COMMON_CLI_FWD_H_

// For headers that only name what CLI11 has. CLI11 puts objects of its own into each file that
// reads it whole, which takes a compiler some five seconds.
namespace CLI {
class App;
class Option;  // NOLINT(bugprone-forward-declaration-namespace): protobuf has one, too
class ParseError;
}  // namespace CLI

#endif  // TAREA_COMMON_CLI_FWD_H_
