#include "bench/machine.h"

#include <sys/statfs.h>
#include <sys/utsname.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/clock.h"

namespace tarea {
namespace {

constexpr int64_t kTmpfs = 0x01021994;  // linux/magic.h
constexpr double kMostBusy = 0.1;

// Where TempDir makes its directories.
std::string DataDirectory() { return std::filesystem::temp_directory_path().string(); }

bool IsInMemory(const std::string& directory) {
  struct statfs filesystem = {};
  return statfs(directory.c_str(), &filesystem) == 0 && filesystem.f_type == kTmpfs;
}

// Time of all cores since the machine started, in hundredths of a second.
struct ProcessorTime {
  int64_t all = 0;
  int64_t idle = 0;
};

ProcessorTime ReadProcessorTime() {
  std::ifstream stat("/proc/stat");
  std::string word;
  stat >> word;
  ProcessorTime time;
  // user, nice, system, idle, iowait, irq, softirq, steal
  for (int i = 0; i < 8; ++i) {
    int64_t ticks = 0;
    stat >> ticks;
    time.all += ticks;
    if (i == 3 || i == 4) time.idle += ticks;
  }
  return time;
}

// The part of the processors that others use, from 0 to 1.
double MeasureBusy() {
  const ProcessorTime before = ReadProcessorTime();
  absl::SleepFor(absl::Seconds(1));
  const ProcessorTime after = ReadProcessorTime();
  if (after.all <= before.all) return 0;
  return 1 - static_cast<double>(after.idle - before.idle) /
                 static_cast<double>(after.all - before.all);
}

std::string ProcessorName() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const size_t colon = line.find(": ");
    if (absl::StartsWith(line, "model name") && colon != std::string::npos) {
      return line.substr(colon + 2);
    }
  }
  return "";
}

}  // namespace

nlohmann::json DescribeMachine() {
  utsname name = {};
  uname(&name);
  return {{"cores", std::thread::hardware_concurrency()},
          {"processor", ProcessorName()},
          {"kernel", name.release},
          {"directory", DataDirectory()}};
}

std::vector<std::string> WhatSpoilsFigures() {
  std::vector<std::string> warnings;
  if (std::string(TAREA_BUILD_TYPE) != "Release") {
    warnings.emplace_back("this is a build of type '" TAREA_BUILD_TYPE
                          "', which is slow; build with: cmake --preset "
                          "release && cmake --build --preset release");
  }
  if (const std::string directory = DataDirectory(); IsInMemory(directory)) {
    warnings.push_back(absl::StrCat("data goes to ", directory,
                                    ", which is in memory, where syncing costs nothing; set TMPDIR "
                                    "to a directory on the disk to measure"));
  }
  if (const double busy = MeasureBusy(); busy > kMostBusy) {
    warnings.push_back(absl::StrFormat(
        "others use %.0f %% of the processors; figures will be too low, and ratios unsteady",
        100 * busy));
  }
  return warnings;
}

}  // namespace tarea
