#include "client/commands/takers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace tarea {
namespace {

v1::Worker Worker(const std::string& name, const std::vector<std::string>& types,
                  const std::vector<std::string>& queues = {}) {
  v1::Worker worker;
  worker.mutable_info()->set_id(name + "-1");
  worker.mutable_info()->set_name(name);
  worker.mutable_info()->set_slots(2);
  worker.mutable_types()->Assign(types.begin(), types.end());
  worker.mutable_queues()->Assign(queues.begin(), queues.end());
  return worker;
}

std::string Why(const std::vector<v1::Worker>& workers, const std::string& queue = "default") {
  v1::ListWorkersResponse response;
  for (const v1::Worker& worker : workers) *response.add_workers() = worker;
  return WhyNobodyTakes(response, "exec", queue, "m:1");
}

TEST(Takers, NamesWhatToStartIfThereIsNoWorker) {
  EXPECT_EQ(Why({}), "no worker is connected; start one: worker --master m:1 --exec");
  EXPECT_EQ(Why({}, "x"),
            "no worker is connected; start one: worker --master m:1 --queues x --exec");
}

TEST(Takers, SaysWhatThoseTakeThatDoNotTakeIt) {
  EXPECT_EQ(Why({Worker("a", {"echo", "sleep"}), Worker("b", {}, {"x", "y"})}),
            "no connected worker takes type 'exec' from queue 'default' (a takes echo, sleep from "
            "default; b takes every type from x, y); start one: worker --master m:1 --exec");
}

TEST(Takers, SaysThatAllAreBusy) {
  v1::Worker full = Worker("a", {"exec"});
  full.set_held(2);
  v1::Worker leaving = Worker("b", {"exec"});
  leaving.set_draining(true);
  EXPECT_EQ(Why({full, leaving, Worker("c", {"echo"})}),
            "every worker that takes type 'exec' from queue 'default' is busy: a holds 2 tasks; b "
            "takes no more tasks");
}

TEST(Takers, HasNothingToSayIfSomebodyIsThere) {
  EXPECT_EQ(Why({Worker("a", {"echo"}), Worker("b", {"exec"})}), "");
  EXPECT_EQ(Why({Worker("a", {})}), "");
  EXPECT_NE(Why({Worker("a", {})}, "x"), "");
}

TEST(Takers, ManyWorkersAreCounted) {
  EXPECT_THAT(Why(std::vector<v1::Worker>(8, Worker("a", {"echo"}))),
              testing::HasSubstr("a takes echo from default; and 3 more)"));
}

}  // namespace
}  // namespace tarea
