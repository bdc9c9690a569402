#ifndef TAREA_CLIENT_COMMANDS_TOP_FRAME_H_
#define TAREA_CLIENT_COMMANDS_TOP_FRAME_H_

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/commands/layout.h"
#include "proto/tasks.pb.h"

// What `client top` shows, as a function of what the master said.
namespace tarea {

struct TopSnapshot {
  v1::GetStatsResponse stats;
  v1::ListQueuesResponse queues;
  v1::ListWorkersResponse workers;
  // The newest first.
  std::vector<v1::Batch> batches;
  // When it was asked for, by any clock that all snapshots and the frame share.
  absl::Time taken;
};

struct TopView {
  // Columns 0 means no limit.
  Look look;
  // 0 means no limit.
  int rows = 0;
  // "host:port", as the user named it.
  std::string master;
  // What is wrong, in one line; empty if nothing is.
  std::string trouble;
  // In the last line, for instance which keys there are.
  std::string hint;
  absl::Time now;
};

// The lines of one frame: no more than view.rows, none wider than view.look.columns. `snapshot` is
// null while the master has not answered yet. Rates are told by what has changed since `before`,
// which is null for the first one.
std::vector<std::string> TopFrame(const TopSnapshot* snapshot, const TopSnapshot* before,
                                  const TopView& view);

// How many rows each of several lists gets if they want `wanted` and there are `available`: all
// they want, or else equal shares, of which none takes more than it wants.
std::vector<int> ShareRows(const std::vector<int>& wanted, int available);

}  // namespace tarea

#endif  // TAREA_CLIENT_COMMANDS_TOP_FRAME_H_
