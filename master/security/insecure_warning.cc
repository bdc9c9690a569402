#include "master/security/insecure_warning.h"

#include <spdlog/spdlog.h>

#include <utility>

namespace tarea {
namespace {

constexpr absl::Duration kEvery = absl::Minutes(1);

}  // namespace

InsecureWarning::InsecureWarning(std::string text, Clock* clock)
    : text_(std::move(text)), clock_(clock), thread_([this] { Run(); }) {}

InsecureWarning::~InsecureWarning() {
  {
    absl::MutexLock lock(&mu_);
    ending_ = true;
    clock_->WakeAll(ending_changed_);
  }
  thread_.join();
}

void InsecureWarning::Run() {
  absl::MutexLock lock(&mu_);
  while (!ending_) {
    spdlog::warn("{}", text_);
    const absl::Time next = clock_->Now() + kEvery;
    while (!ending_ && clock_->Now() < next) {
      clock_->Wait(ending_changed_, mu_, next - clock_->Now());
    }
  }
}

}  // namespace tarea
