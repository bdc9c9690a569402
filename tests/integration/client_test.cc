// The client library against a master.

#include "client/client.h"

#include <gmock/gmock.h>

#include <thread>

#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "client/batch_writer.h"
#include "tests/integration/master_fixture.h"

namespace tarea {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class ClientLibrary : public MasterFixture {
 protected:
  ClientOptions Options() const {
    ClientOptions options;
    options.masters = {absl::StrCat("127.0.0.1:", master_->port())};
    return options;
  }
};

v1::TaskSpec Task(const std::string& payload, std::vector<int32_t> after = {}) {
  v1::TaskSpec task;
  task.set_type("echo");
  task.set_payload(payload);
  task.mutable_depends_on_index()->Assign(after.begin(), after.end());
  return task;
}

TEST_F(ClientLibrary, ABatchInSeveralCallsIsOneBatchWhoseTasksKnowEachOther) {
  ClientOptions options = Options();
  options.max_call_tasks = 2;
  Client client(options);
  const auto batch = client.Submit(
      "b", {Task("0"), Task("1", {0}), Task("2", {0, 1}), Task("3", {2}), Task("4", {1, 3})});
  ASSERT_TRUE(batch.ok()) << batch.status();
  const TaskIds& ids = batch->task_ids;
  ASSERT_EQ(ids.size(), 5);
  const auto parents = [&](int64_t position) {
    const v1::Task task = Get(ids[position]);
    return std::vector<int64_t>(task.spec().depends_on().begin(), task.spec().depends_on().end());
  };
  EXPECT_THAT(parents(1), ElementsAre(ids[0]));
  EXPECT_THAT(parents(2), ElementsAre(ids[0], ids[1]));
  EXPECT_THAT(parents(4), ElementsAre(ids[1], ids[3]));
  EXPECT_EQ(client.GetBatch(batch->batch_id)->total(), 5);
  EXPECT_FALSE(client.GetBatch(batch->batch_id)->open());
}

TEST_F(ClientLibrary, ATextThatIsNotUtf8IsRefusedInEachFieldOfATask) {
  Client client(Options());
  const google::protobuf::Descriptor& type = *v1::TaskSpec::descriptor();
  int tried = 0;
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    v1::TaskSpec task = Task("0");
    if (field.type() == google::protobuf::FieldDescriptor::TYPE_STRING) {
      ASSERT_FALSE(field.is_repeated()) << "teach this test to fill in " << field.name();
      task.GetReflection()->SetString(&task, &field, "bad\xff");
    } else if (field.is_map()) {
      ASSERT_EQ(field.name(), "labels") << "teach this test to fill in " << field.name();
      (*task.mutable_labels())["colour"] = "bad\xff";
    } else {
      continue;
    }
    ++tried;
    EXPECT_THAT(client.Submit("b", {task}).status().message(), HasSubstr("which is not UTF-8"))
        << field.name();
  }
  EXPECT_GE(tried, 4);
}

TEST_F(ClientLibrary, CallsAreSplitByBytesAndALargeTaskGoesAlone) {
  ClientOptions options = Options();
  options.max_call_bytes = 1000;
  Client client(options);
  BatchWriter writer(client, "b");
  ASSERT_TRUE(writer.Add(Task(std::string(600, 'x'))).ok());
  EXPECT_EQ(writer.submission().task_ids.size(), 0);
  ASSERT_TRUE(writer.Add(Task(std::string(600, 'x'))).ok());
  EXPECT_EQ(writer.submission().task_ids.size(), 1);
  ASSERT_TRUE(writer.Add(Task(std::string(5000, 'x'))).ok());
  EXPECT_EQ(writer.submission().task_ids.size(), 2);
  EXPECT_TRUE(client.GetBatch(writer.submission().batch_id)->open());
  const auto batch = writer.Close();
  ASSERT_TRUE(batch.ok()) << batch.status();
  EXPECT_EQ(batch->task_ids.size(), 3);
}

TEST_F(ClientLibrary, AnErrorNamesWhatTheBatchHoldsAndLeavesItClosed) {
  ClientOptions options = Options();
  options.max_call_tasks = 1;
  Client client(options);
  v1::TaskSpec bad = Task("x");
  bad.set_type("no type");
  const auto batch = client.Submit("b", {Task("0"), bad, Task("2")});
  EXPECT_TRUE(absl::IsInvalidArgument(batch.status()));
  EXPECT_THAT(std::string(batch.status().message()),
              HasSubstr("batch 1 holds only the first 1 tasks"));
  EXPECT_FALSE(client.GetBatch(1)->open());
}

TEST_F(ClientLibrary, AWatchGoesOnAfterTheMasterRestarted) {
  Submit(2);
  const std::vector<v1::LeasedTask> tasks = Take("w", 2);
  Client client(Options());
  absl::Mutex mu;
  std::vector<int64_t> seen;
  absl::Status end = absl::UnknownError("not ended");
  std::thread watcher([&] {
    end = client.Watch(1, {.with_result = true}, [&](const v1::WatchBatchResponse& news) {
      absl::MutexLock lock(&mu);
      for (const v1::Task& task : news.tasks()) seen.push_back(task.id());
      return absl::OkStatus();
    });
  });
  Report(tasks.at(1), v1::RESULT_OUTCOME_SUCCEEDED);
  {
    absl::MutexLock lock(&mu);
    const auto one_seen = [&] { return seen.size() == 1; };
    ASSERT_TRUE(mu.AwaitWithTimeout(absl::Condition(&one_seen), absl::Seconds(30)));
  }
  listen_ = absl::StrCat("127.0.0.1:", master_->port());
  Start();
  Report(tasks.at(0), v1::RESULT_OUTCOME_SUCCEEDED);
  watcher.join();
  EXPECT_TRUE(end.ok()) << end;
  EXPECT_THAT(seen, ElementsAre(2, 1));
}

TEST_F(ClientLibrary, AWatchFromACursorSeesOnlyWhatCameLater) {
  Submit(3);
  for (const v1::LeasedTask& task : Take("w", 3)) Report(task, v1::RESULT_OUTCOME_SUCCEEDED);
  Client client(Options());
  int64_t cursor = 0;
  std::vector<int64_t> seen;
  const auto remember = [&](const v1::WatchBatchResponse& news) {
    for (const v1::Task& task : news.tasks()) seen.push_back(task.id());
    cursor = news.cursor();
    return absl::OkStatus();
  };
  ASSERT_TRUE(client.Watch(1, {}, remember).ok());
  EXPECT_THAT(seen, ElementsAre(1, 2, 3));
  seen.clear();
  ASSERT_TRUE(client.Watch(1, {.cursor = cursor}, remember).ok());
  EXPECT_THAT(seen, ElementsAre());
}

TEST_F(ClientLibrary, AnErrorOfTheWatcherEndsTheWatch) {
  Submit(1);
  Client client(Options());
  const absl::Status end = client.Watch(
      1, {}, [](const v1::WatchBatchResponse&) { return absl::DataLossError("full"); });
  EXPECT_EQ(end, absl::DataLossError("full"));
}

TEST_F(ClientLibrary, AWatchEndsAfterItsTime) {
  Submit(1);
  Client client(Options());
  const absl::Status end =
      client.Watch(1, {.max_time = absl::Milliseconds(50)},
                   [](const v1::WatchBatchResponse&) { return absl::OkStatus(); });
  EXPECT_TRUE(absl::IsDeadlineExceeded(end)) << end;
}

TEST_F(ClientLibrary, InterruptEndsAParkedCallAtOnce) {
  Submit(1);
  Client client(Options());
  absl::Time raised;
  const absl::Status end = client.Watch(1, {}, [&](const v1::WatchBatchResponse&) {
    // The stream is open now and stays so: the batch does not finish.
    raised = absl::Now();
    client.Interrupt();
    return absl::OkStatus();
  });
  EXPECT_TRUE(absl::IsCancelled(end)) << end;
  EXPECT_LT(absl::Now() - raised, absl::Seconds(2));
  EXPECT_TRUE(absl::IsCancelled(client.Stats().status()));
}

TEST_F(ClientLibrary, AMasterThatCannotBeReachedIsNamedAfterTheRetryTime) {
  ClientOptions options = Options();
  options.retry_time = absl::Milliseconds(200);
  master_->Shutdown();
  Client client(options);
  const absl::Status status = client.Stats().status();
  EXPECT_TRUE(absl::IsUnavailable(status)) << status;
  EXPECT_THAT(std::string(status.message()),
              HasSubstr(absl::StrCat("cannot reach the master at ", options.masters[0])));
}

TEST_F(ClientLibrary, ASecondMasterIsFoundWhenTheFirstIsNotThere) {
  ClientOptions options = Options();
  options.masters.insert(options.masters.begin(), "127.0.0.1:1");
  Client client(options);
  EXPECT_TRUE(client.Stats().ok());
}

}  // namespace
}  // namespace tarea
