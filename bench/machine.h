#ifndef TAREA_BENCH_MACHINE_H_
#define TAREA_BENCH_MACHINE_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace tarea {

// What is measured on, for those who compare figures: cores, processor, kernel, where data goes.
nlohmann::json DescribeMachine();

// Sentences about what makes figures of here and now worth less; none if all is well. Takes a
// second, in which it looks whether the machine has other things to do.
std::vector<std::string> WhatSpoilsFigures();

}  // namespace tarea

#endif  // TAREA_BENCH_MACHINE_H_
