// Claims about Insert and about transactions.

#include "master/store/lifecycle.h"
#include "tests/store/store_conformance.h"

namespace tarea {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

TAREA_STORE_SUITE(Inserting);
TAREA_STORE_SUITE(InsertErrors);
TAREA_STORE_SUITE(RequestIds);
TAREA_STORE_SUITE(Keys);
TAREA_STORE_SUITE(Parents);

// --- Insert
// ------------------------------------------------------------------------------------------------

TEST_P(Inserting, IdsBeginAtOneAndAreContiguous) {
  const InsertAnswer first = Insert(Request({Spec(), Spec(), Spec()}));
  EXPECT_EQ(first.batch_id, 1);
  EXPECT_EQ(first.first_task_id, 1);
  EXPECT_THAT(first.existing, IsEmpty());
  EXPECT_FALSE(first.repeated);
  const InsertAnswer second = Insert(Request({Spec()}));
  EXPECT_EQ(second.batch_id, 2);
  EXPECT_EQ(second.first_task_id, 4);
  EXPECT_THAT(List({}), ElementsAre(1, 2, 3, 4));
}

TEST_P(Inserting, IdsGoOnAfterARestart) {
  Submit({Spec(), Spec()});
  Reopen();
  const InsertAnswer next = Insert(Request({Spec()}));
  EXPECT_EQ(next.batch_id, 2);
  EXPECT_EQ(next.first_task_id, 3);
}

TEST_P(Inserting, KeepsAllThatWasAskedFor) {
  TaskSpec spec = OfType("resize", "images");
  spec.payload = std::string("a\0b", 3);
  spec.priority = -7;
  spec.delay = absl::Microseconds(1234567);
  spec.key = "key 'with' \"quotes\"";
  spec.timeout = absl::Minutes(2);
  spec.expires_in = absl::Hours(3);
  spec.run_on_parent_failure = true;
  spec.retry = {7, absl::Milliseconds(1), 1.5, absl::Seconds(9), 0.25, {3, 5}};
  spec.labels = {{"colour", "red"}, {"size", ""}};
  const TaskId id = Submit(spec);
  Reopen();
  const Task task = Get(id);
  EXPECT_EQ(task.spec, spec);
  EXPECT_EQ(task.payload_size, 3);
  EXPECT_EQ(task.core.batch_id, 1);
  EXPECT_EQ(task.core.state, TaskState::kScheduled);
  EXPECT_EQ(task.core.created_at, now());
  EXPECT_EQ(task.core.ready_at, now() + spec.delay);
  EXPECT_EQ(task.core.start_by, now() + absl::Hours(3));
  EXPECT_EQ(task.core.max_attempts, 7);
  EXPECT_EQ(task.core.attempt, 0);
  EXPECT_EQ(task.core.finish_seq, 0);
  EXPECT_TRUE(task.core.has_key);
  EXPECT_FALSE(task.core.has_outcome);
  EXPECT_THAT(task.attempts, IsEmpty());
}

TEST_P(Inserting, ATaskWithADelayIsScheduled) {
  const TaskId id = Submit(WithDelay(absl::Seconds(5)));
  EXPECT_EQ(State(id), TaskState::kScheduled);
  EXPECT_THAT(effects.ready, IsEmpty());
  EXPECT_EQ(effects.next_due, now() + absl::Seconds(5));
  EXPECT_EQ(NextDue(), now() + absl::Seconds(5));
  EXPECT_THAT(ClaimIds(10), IsEmpty());
}

TEST_P(Inserting, TellsWhatBecameReadyAndInWhichBatch) {
  Submit({OfType("a", "q"), OfType("b", "q"), OfType("a", "q"), WithDelay(absl::Seconds(1))});
  EXPECT_THAT(effects.ready,
              UnorderedElementsAre(Pair(Pair("q", "a"), 2), Pair(Pair("q", "b"), 1)));
  EXPECT_THAT(effects.batches, ElementsAre(1));
  EXPECT_THAT(effects.stops, IsEmpty());
}

TEST_P(Inserting, ATaskThatExpiresIsDueThen) {
  Submit(ExpiringIn(absl::Seconds(9)));
  EXPECT_EQ(effects.next_due, now() + absl::Seconds(9));
  EXPECT_EQ(NextDue(), now() + absl::Seconds(9));
}

TEST_P(Inserting, NothingIsDueWithoutTimes) {
  Submit(Spec());
  EXPECT_EQ(effects.next_due, absl::InfiniteFuture());
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
}

TEST_P(Inserting, ABatchKnowsItsNameAndCounts) {
  Submit({Spec(), Spec(), WithDelay(absl::Seconds(1)), AfterPositions({0})});
  const Batch batch = GetBatch(1);
  EXPECT_EQ(batch.name, "batch");
  EXPECT_EQ(batch.created_at, now());
  EXPECT_EQ(batch.idle_since, absl::InfiniteFuture());
  EXPECT_FALSE(batch.open);
  EXPECT_EQ(batch.counts[TaskState::kReady], 2);
  EXPECT_EQ(batch.counts[TaskState::kScheduled], 1);
  EXPECT_EQ(batch.counts[TaskState::kBlocked], 1);
  EXPECT_EQ(batch.counts.Total(), 4);
}

TEST_P(Inserting, ABatchWithoutTasksIsIdleFromTheBeginning) {
  const InsertAnswer answer = Insert(Request({}));
  EXPECT_EQ(answer.first_task_id, 0);
  EXPECT_EQ(GetBatch(answer.batch_id).idle_since, now());
  EXPECT_TRUE(GetBatch(answer.batch_id).Finished());
}

TEST_P(Inserting, AnOpenBatchTakesMoreUntilItIsClosed) {
  const BatchId batch = Insert(OpenBatch({Spec()})).batch_id;
  EXPECT_TRUE(GetBatch(batch).open);
  Submit(Spec());
  InsertRequest more = AddTo(batch, {Spec(), Spec()});
  more.batch_name = "another name is ignored";
  const InsertAnswer added = Insert(more);
  EXPECT_EQ(added.batch_id, batch);
  EXPECT_EQ(added.first_task_id, 3);
  EXPECT_EQ(GetBatch(batch).counts.Total(), 3);
  EXPECT_EQ(GetBatch(batch).name, "batch");
  EXPECT_TRUE(GetBatch(batch).open);
  Insert(AddTo(batch, {}, /*keep_open=*/false));
  EXPECT_FALSE(GetBatch(batch).open);
  EXPECT_THAT(effects.batches, ElementsAre(batch));
}

TEST_P(Inserting, AnOpenBatchIsIdleBetweenItsTasks) {
  const BatchId batch = Insert(OpenBatch({})).batch_id;
  EXPECT_EQ(GetBatch(batch).idle_since, now());
  Pass(absl::Seconds(1));
  Insert(AddTo(batch, {Spec()}));
  EXPECT_EQ(GetBatch(batch).idle_since, absl::InfiniteFuture());
  Pass(absl::Seconds(1));
  Succeed();
  EXPECT_EQ(GetBatch(batch).idle_since, now());
  EXPECT_FALSE(GetBatch(batch).Finished());
}

// --- Errors
// ------------------------------------------------------------------------------------------------

TEST_P(InsertErrors, ABatchThatDoesNotExist) {
  EXPECT_THAT(TryInsert(AddTo(7, {Spec()})).status(), StatusIs(absl::StatusCode::kNotFound));
}

TEST_P(InsertErrors, ABatchThatIsClosed) {
  const BatchId batch = Insert(Request({Spec()})).batch_id;
  EXPECT_THAT(TryInsert(AddTo(batch, {Spec()})).status(),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_P(InsertErrors, MoreTasksThanABatchMayHave) {
  StoreLimits limits;
  limits.max_batch = 3;
  Fresh(limits);
  const BatchId batch = Insert(OpenBatch({Spec(), Spec()})).batch_id;
  EXPECT_THAT(TryInsert(AddTo(batch, {Spec(), Spec()})).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  Insert(AddTo(batch, {Spec()}));
  EXPECT_THAT(TryInsert(Request({Spec(), Spec(), Spec(), Spec()})).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  InsertRequest announced = OpenBatch({Spec()});
  announced.total_tasks = 4;
  EXPECT_THAT(TryInsert(announced).status(), StatusIs(absl::StatusCode::kInvalidArgument));
  announced.total_tasks = 3;
  Insert(announced);
}

TEST_P(InsertErrors, AParentThatDoesNotExist) {
  const TaskId id = Submit(Spec());
  const absl::Status status = TryInsert(Request({Spec(), After({id, 99})})).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(std::string(status.message()), HasSubstr("99"));
  // An id of this very call is not one that exists.
  EXPECT_THAT(TryInsert(Request({Spec(), After({id + 1})})).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(InsertErrors, APositionThatIsNotAnEarlierOne) {
  for (const int position : {-1, 1, 2, 99}) {
    EXPECT_THAT(TryInsert(Request({Spec(), AfterPositions({position}), Spec()})).status(),
                StatusIs(absl::StatusCode::kInvalidArgument))
        << position;
  }
}

TEST_P(InsertErrors, AQueueThatIsFull) {
  StoreLimits limits;
  limits.max_queue_depth = 2;
  Fresh(limits);
  Submit(Spec());
  EXPECT_THAT(TryInsert(Request({Spec(), Spec()})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Submit({Spec(), OfType("t", "other")});
  EXPECT_THAT(TryInsert(Request({OfType("another type", "default")})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Claim(1);
  EXPECT_THAT(TryInsert(Request({Spec()})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Succeed();
  Submit(Spec());
}

TEST_P(InsertErrors, AQueueThatHasTooManyBytes) {
  const auto of_size = [](size_t bytes) {
    TaskSpec spec = Spec();
    spec.payload = std::string(bytes, 'x');
    return spec;
  };
  const auto bytes = [this] {
    const std::vector<Queue> queues = *store().ListQueues();
    for (const Queue& queue : queues) {
      if (queue.name == "default") return queue.unfinished_bytes;
    }
    return int64_t{-1};
  };
  StoreLimits limits;
  limits.max_queue_bytes = 100;
  Fresh(limits);
  Submit({of_size(40), of_size(60)});
  const absl::Status full = TryInsert(Request({of_size(1)})).status();
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(full.message()),
              AllOf(HasSubstr("101 bytes"), HasSubstr("100 (--max-queue-bytes)")));
  TaskSpec elsewhere = of_size(100);
  elsewhere.queue = "other";
  Submit({of_size(0), elsewhere});

  // What runs counts, what has ended does not, and what is put back does again.
  const LeasedTask first = Claim(1).at(0);
  EXPECT_THAT(TryInsert(Request({of_size(1)})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Complete(Succeeded(first));
  EXPECT_EQ(bytes(), 60);
  Cancel({2});
  EXPECT_EQ(bytes(), 0);
  Retry({2});
  EXPECT_EQ(bytes(), 60);
  Submit(of_size(40));
  EXPECT_EQ(bytes(), 100);
}

TEST_P(InsertErrors, MorePairsOfQueueAndTypeThanThereMayBe) {
  StoreLimits limits;
  limits.max_lanes = 2;
  Fresh(limits);
  Submit({OfType("a", "q"), OfType("a", "q")});
  EXPECT_THAT(TryInsert(Request({OfType("b", "q"), OfType("a", "r")})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  Submit({OfType("a", "r"), OfType("a", "q")});
  EXPECT_THAT(TryInsert(Request({OfType("b", "q")})).status(),
              StatusIs(absl::StatusCode::kResourceExhausted));
}

TEST_P(InsertErrors, WhatCanNeverWorkIsSaidBeforeWhatMayWorkLater) {
  StoreLimits limits;
  limits.max_queue_depth = 0;
  limits.max_lanes = 0;
  Fresh(limits);
  EXPECT_THAT(TryInsert(AddTo(5, {After({99})})).status(), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(TryInsert(Request({Spec(), After({99})})).status(),
              StatusIs(absl::StatusCode::kInvalidArgument));
  const absl::Status full = TryInsert(Request({Spec()})).status();
  EXPECT_THAT(full, StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(std::string(full.message()), HasSubstr("--max-queue-depth"));
}

TEST_P(InsertErrors, WriteNothing) {
  StoreLimits limits;
  limits.max_queue_depth = 1;
  Fresh(limits);
  InsertRequest request = Request({OfType("a", "new"), OfType("a", "new")});
  request.request_id = "r";
  EXPECT_THAT(TryInsert(request).status(), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(effects.batches, IsEmpty());
  EXPECT_THAT(effects.ready, IsEmpty());
  EXPECT_EQ(*store().CountBatches(), 0);
  EXPECT_THAT(*store().ListQueues(), IsEmpty());
  request.tasks.pop_back();
  const InsertAnswer answer = Insert(request);
  EXPECT_EQ(answer.batch_id, 1);
  EXPECT_EQ(answer.first_task_id, 1);
  EXPECT_FALSE(answer.repeated);
}

// --- Request ids
// ------------------------------------------------------------------------------------------------

InsertRequest WithRequestId(const std::string& id, const std::string& hash,
                            const std::vector<TaskSpec>& tasks) {
  InsertRequest request = Request(tasks);
  request.request_id = id;
  request.content_hash = hash;
  return request;
}

TEST_P(RequestIds, ARepeatedRequestGetsTheFirstAnswer) {
  Submit(WithKey("k"));
  const InsertRequest request = WithRequestId("r", std::string("h\0", 2), {Spec(), WithKey("k")});
  const InsertAnswer first = Insert(request);
  EXPECT_THAT(first.existing, ElementsAre(InsertAnswer::Existing{1, 1}));
  for (int i = 0; i < 2; ++i) {
    InsertAnswer again = Insert(request);
    EXPECT_TRUE(again.repeated);
    again.repeated = false;
    EXPECT_EQ(again, first);
    EXPECT_THAT(effects.batches, IsEmpty());
    Reopen();
  }
  EXPECT_EQ(*store().CountBatches(), 2);
}

TEST_P(RequestIds, TheSameIdWithOtherContentIsRefused) {
  Insert(WithRequestId("\x1b[2J", "h1", {Spec()}));
  const absl::Status status = TryInsert(WithRequestId("\x1b[2J", "h2", {Spec()})).status();
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_THAT(std::string(status.message()), HasSubstr("'\\x1b[2J'"));
}

TEST_P(RequestIds, WithoutOneEveryCallStoresAgain) {
  EXPECT_EQ(Insert(WithRequestId("", "h", {Spec()})).first_task_id, 1);
  EXPECT_EQ(Insert(WithRequestId("", "h", {Spec()})).first_task_id, 2);
}

TEST_P(RequestIds, ARepeatIsAnsweredThoughItsBatchIsClosedSince) {
  const BatchId batch = Insert(OpenBatch({})).batch_id;
  InsertRequest last = WithRequestId("r", "h", {Spec()});
  last.batch_id = batch;
  Insert(last);
  EXPECT_TRUE(Insert(last).repeated);
}

TEST_P(RequestIds, AreForgottenWhenTheirTimeIsOver) {
  StoreLimits limits;
  limits.retain_requests = absl::Hours(1);
  Fresh(limits);
  Insert(WithRequestId("r", "h1", {Spec()}));
  Pass(absl::Hours(1) - absl::Microseconds(1));
  EXPECT_TRUE(Insert(WithRequestId("r", "h1", {Spec()})).repeated);
  Pass(absl::Microseconds(1));
  const InsertAnswer anew = Insert(WithRequestId("r", "h2", {Spec()}));
  EXPECT_FALSE(anew.repeated);
  EXPECT_EQ(anew.first_task_id, 2);
  Pass(absl::Minutes(59));
  EXPECT_TRUE(Insert(WithRequestId("r", "h2", {Spec()})).repeated);
}

// --- Keys
// ------------------------------------------------------------------------------------------------

TEST_P(Keys, ATakenKeyNamesTheTaskThatHasItAndLeavesTheIdUnused) {
  const TaskId first = Submit(WithKey("k"));
  const InsertAnswer answer = Insert(Request({Spec(), WithKey("k"), Spec()}));
  EXPECT_EQ(answer.first_task_id, first + 1);
  EXPECT_THAT(answer.existing, ElementsAre(InsertAnswer::Existing{1, first}));
  EXPECT_THAT(List({}), ElementsAre(1, 2, 4));
  EXPECT_EQ(GetBatch(answer.batch_id).counts.Total(), 2);
  EXPECT_EQ(Submit(Spec()), 5);
}

TEST_P(Keys, AreTakenByEarlierPositionsOfTheSameCall) {
  const InsertAnswer answer = Insert(Request({WithKey("k"), WithKey("k"), WithKey("other")}));
  EXPECT_THAT(answer.existing, ElementsAre(InsertAnswer::Existing{1, 1}));
}

TEST_P(Keys, APositionWhoseKeyWasTakenStandsForTheTaskThatHasIt) {
  const TaskId first = Submit(WithKey("k"));
  const InsertAnswer answer = Insert(Request(
      {WithKey("k"), AfterPositions({0}), WithKey("l"), WithKey("l"), AfterPositions({3, 2, 0})}));
  EXPECT_THAT(Get(answer.first_task_id + 1).spec.depends_on, ElementsAre(first));
  EXPECT_THAT(Get(answer.first_task_id + 4).spec.depends_on,
              ElementsAre(answer.first_task_id + 2, first));
  EXPECT_EQ(Get(answer.first_task_id + 4).core.blocked_on, 2);
}

TEST_P(Keys, AreUniqueInTheirQueueOnly) {
  TaskSpec other = WithKey("k");
  other.queue = "other";
  TaskSpec other_type = WithKey("k");
  other_type.type = "other";
  EXPECT_THAT(Insert(Request({WithKey("k"), other, other_type})).existing,
              ElementsAre(InsertAnswer::Existing{2, 1}));
}

TEST_P(Keys, AreFreeWhenTheirTaskHasFinished) {
  Submit(WithKey("k"));
  const LeasedTask leased = ClaimOne();
  EXPECT_EQ(Insert(Request({WithKey("k")})).existing.size(), 1u);
  Complete(Succeeded(leased));
  const InsertAnswer second = Insert(Request({WithKey("k")}));
  EXPECT_THAT(second.existing, IsEmpty());
  Cancel({second.first_task_id});
  const InsertAnswer third = Insert(Request({WithKey("k")}));
  EXPECT_THAT(third.existing, IsEmpty());
  FailForGood();
  EXPECT_THAT(Insert(Request({WithKey("k")})).existing, IsEmpty());
}

TEST_P(Keys, AreKeptWhileTheTaskWaitsForItsNextAttempt) {
  Submit(WithKey("k"));
  Complete(Failed(ClaimOne()));
  EXPECT_EQ(State(1), TaskState::kScheduled);
  EXPECT_EQ(Insert(Request({WithKey("k")})).existing.size(), 1u);
}

// --- Parents
// ------------------------------------------------------------------------------------------------

TEST_P(Parents, ATaskWaitsForThoseThatAreNotFinished) {
  const TaskId parent = Submit(Spec());
  const TaskId first = Submit({After({parent}), AfterPositions({0})});
  EXPECT_THAT(effects.ready, IsEmpty());
  EXPECT_EQ(State(first), TaskState::kBlocked);
  EXPECT_EQ(Get(first).core.blocked_on, 1);
  EXPECT_EQ(State(first + 1), TaskState::kBlocked);
  EXPECT_THAT(Get(first + 1).spec.depends_on, ElementsAre(first));
  EXPECT_THAT(Get(first + 1).spec.depends_on_index, IsEmpty());
  EXPECT_TRUE(Get(parent).core.has_dependents);
  EXPECT_TRUE(Get(first).core.has_dependents);
  EXPECT_FALSE(Get(first + 1).core.has_dependents);
}

TEST_P(Parents, DependingTwiceOnOneCountsOnce) {
  const TaskId parent = Submit(Spec());
  TaskSpec spec = After({parent, parent});
  const TaskId child = Submit(spec);
  EXPECT_EQ(Get(child).core.blocked_on, 1);
  EXPECT_THAT(Get(child).spec.depends_on, ElementsAre(parent));
  spec = AfterPositions({1, 0, 1});
  spec.depends_on = {child, parent};
  const TaskId grandchild = Submit({Spec(), Spec(), spec}) + 2;
  EXPECT_EQ(Get(grandchild).core.blocked_on, 4);
  EXPECT_THAT(Get(grandchild).spec.depends_on,
              ElementsAre(child, parent, grandchild - 1, grandchild - 2));
}

TEST_P(Parents, OneThatSucceededIsInTheWayNoLonger) {
  const TaskId parent = Submit(Spec());
  Succeed();
  EXPECT_EQ(State(Submit(After({parent}))), TaskState::kReady);
  TaskSpec delayed = After({parent});
  delayed.delay = absl::Seconds(1);
  EXPECT_EQ(State(Submit(delayed)), TaskState::kScheduled);
  EXPECT_FALSE(Get(parent).core.has_dependents);
}

TEST_P(Parents, OneThatFailedCancelsTheTaskAtOnce) {
  const TaskId failed = Submit(Spec());
  FailForGood();
  const TaskId waiting = Submit(Spec());
  const TaskId child = Submit({After({waiting, failed}), AfterPositions({0})});
  const Task task = Get(child);
  EXPECT_EQ(task.core.state, TaskState::kCancelled);
  EXPECT_EQ(task.core.blocked_on, 0);
  EXPECT_EQ(task.core.finished_at, now());
  EXPECT_EQ(task.core.finish_seq, 2);
  EXPECT_TRUE(task.core.has_outcome);
  EXPECT_EQ(task.error, ParentError(failed, TaskState::kFailed));
  EXPECT_EQ(State(child + 1), TaskState::kCancelled);
  EXPECT_EQ(Get(child + 1).error, ParentError(child, TaskState::kCancelled));
  EXPECT_EQ(GetBatch(task.core.batch_id).idle_since, now());
  EXPECT_FALSE(Get(waiting).core.has_dependents);
}

TEST_P(Parents, OneThatFailedDoesNotStopATaskThatRunsEvenSo) {
  const TaskId failed = Submit(Spec());
  FailForGood();
  EXPECT_EQ(State(Submit(EvenIfFailed(After({failed})))), TaskState::kReady);
}

TEST_P(Parents, ATaskCancelledAtOnceDoesNotTakeItsKey) {
  const TaskId failed = Submit(Spec());
  FailForGood();
  TaskSpec doomed = WithKey("k");
  doomed.depends_on = {failed};
  EXPECT_THAT(Insert(Request({doomed, WithKey("k")})).existing, IsEmpty());
}

}  // namespace
}  // namespace tarea
