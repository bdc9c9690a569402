#ifndef TAREA_MASTER_STORE_LEASE_IDS_H_
#define TAREA_MASTER_STORE_LEASE_IDS_H_

#include <cstdint>

#include "master/store/task.h"

namespace tarea {

// Lease ids are the fencing tokens: an epoch, which is raised and made durable each time a store is
// opened, and a counter within it. A claim that a loss of power wipes out is of an epoch that is
// over, so its lease id can never be given out again although the claim itself was not synced.
class LeaseIds {
 public:
  static constexpr int64_t kMaxEpoch = (int64_t{1} << 22) - 1;

  explicit LeaseIds(int64_t epoch) : epoch_(epoch) {}

  LeaseId Next() { return (epoch_ << kCounterBits) | ++counter_; }

 private:
  static constexpr int kCounterBits = 40;  // 10^12 leases an epoch, 4 million epochs

  int64_t epoch_;
  int64_t counter_ = 0;
};

}  // namespace tarea

#endif  // TAREA_MASTER_STORE_LEASE_IDS_H_
