// The journal of `client run`, as a crash of the machine, or somebody else, may have left it: one
// that was good, at one of its steps, with changes that the input says. It is refused with a
// reason, or it goes on.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "client/commands/run_journal.h"
#include "tests/fuzz/fuzz_check.h"
#include "tests/fuzz/fuzz_input.h"
#include "tests/support/temp_dir.h"

namespace tarea {
namespace {

constexpr RunKey kKey = {.batch_id = 12, .created_at = 1'700'000'000'000'000'001};
constexpr size_t kPageBytes = 4096;

std::string Read(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void Write(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

// Where a journal is, and good ones to begin with.
class Place {
 public:
  Place()
      : stem_(absl::StrCat(dir_.path(), "/runs/", kKey.batch_id, "-", kKey.created_at)),
        // Files to append to: what a journal cannot hand to sendfile.
        options_{.directory = dir_.path() + "/runs", .out_fd = Open("out"), .err_fd = Open("err")} {
    Record();
  }

  // Puts a journal there as it was at one of its steps, changed. It is opened, and goes on.
  void Run(FuzzInput& input) {
    State state = states_[static_cast<size_t>(input.Below(static_cast<int64_t>(states_.size())))];
    while (!input.empty()) Change(input, state);
    Write(stem_ + ".run", state.page);
    for (int generation = 0; generation < 3; ++generation) {
      Write(absl::StrCat(stem_, ".out", generation), state.spool);
    }
    GoOn();
    std::filesystem::remove_all(options_.directory);
    std::filesystem::create_directory(options_.directory);
    for (const int fd : {options_.out_fd, options_.err_fd}) {
      FUZZ_CHECK(ftruncate(fd, 0) == 0, "ftruncate");
    }
  }

 private:
  struct State {
    std::string page;
    std::string spool;
  };

  int Open(const char* name) const {
    return open((dir_.path() + "/" + name).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  }

  void Record() {
    RunJournal::Options options = options_;
    options.at_step = [this] {
      State state = {Read(stem_ + ".run"), Read(stem_ + ".out0")};
      if (state.page.size() == kPageBytes) states_.push_back(std::move(state));
    };
    auto journal = RunJournal::Create(options, kKey, RunOrder::kOfInputs);
    FUZZ_CHECK(journal.ok(), journal.status().ToString());
    for (int i = 1; i <= 2; ++i) {
      RunChunk chunk;
      chunk.Add(OutputStream::kStdout, "to stdout\n");
      chunk.Add(OutputStream::kStderr, "to stderr\n");
      FUZZ_CHECK((*journal)->Append(chunk, {.last_id = i, .cursor = i}).ok(), "Append");
      FUZZ_CHECK((*journal)->Print().ok(), "Print");
    }
    FUZZ_CHECK(states_.size() > 10, "the steps are not told");
  }

  static void Change(FuzzInput& input, State& state) {
    std::string& file = input.OneIn(4) ? state.spool : state.page;
    if (file.empty()) return;
    const auto size = static_cast<int64_t>(file.size());
    const auto at = static_cast<size_t>(
        input.OneIn(4) ? input.Below(size) : 8 * input.Below(std::max<int64_t>(1, size / 8)) % 256);
    switch (input.Below(6)) {
      case 0:
        file[at % file.size()] = static_cast<char>(input.Below(256));
        break;
      case 1:
        file.resize(at);
        break;
      case 2: {
        const size_t end = std::min(file.size(), at + static_cast<size_t>(input.Below(4096)));
        const char byte = static_cast<char>(input.Below(256));
        for (size_t i = at; i < end; ++i) file[i] = byte;
        break;
      }
      default: {
        const int64_t number = input.Number();
        if (at + sizeof(number) <= file.size()) memcpy(file.data() + at, &number, sizeof(number));
      }
    }
  }

  void GoOn() {
    auto journal = RunJournal::Open(options_, kKey);
    if (!journal.ok()) return CheckError(journal.status());
    absl::Status status = (*journal)->Print();
    const RunPosition position = (*journal)->position();
    if (status.ok()) {
      RunChunk chunk;
      chunk.Add(OutputStream::kStdout, "more");
      status = (*journal)->Append(chunk, position);
    }
    if (status.ok()) status = (*journal)->Print();
    if (!status.ok()) return CheckError(status);
    (*journal)->Finish();
  }

  const TempDir dir_;
  const std::string stem_;
  const RunJournal::Options options_;
  std::vector<State> states_;
};

}  // namespace
}  // namespace tarea

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static tarea::Place place;
  tarea::FuzzInput input(data, size);
  place.Run(input);
  return 0;
}
