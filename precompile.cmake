# The headers of libraries, read once per build and not once per file: to read those of gRPC takes
# longer than to compile most of our files. A file still includes what it uses; scripts/nightly builds
# without this to see that.
#
# CLI11 is not among them: it has objects of its own in each file that reads it, which cost GCC five
# seconds.
#
# tarea_precompile(TARGET KIND) gives a target the headers of one kind:
#   core   the standard library and Abseil
#   rpc    core, gRPC, the code generated from proto/tasks.proto, and JSON
#   test   what tests need: rpc (or core, where there is no gRPC) and GoogleTest; not optimised, as
#          most of a test's time to compile would go into what is run once
set(TAREA_CORE_HEADERS
  <algorithm> <atomic> <chrono> <cstdint> <deque> <filesystem> <fstream> <functional> <iostream>
  <map> <memory> <optional> <set> <sstream> <string> <thread> <utility> <vector>
  <absl/container/btree_map.h> <absl/container/btree_set.h> <absl/container/flat_hash_map.h>
  <absl/status/statusor.h> <absl/strings/str_cat.h> <absl/strings/str_format.h>
  <absl/strings/str_join.h> <absl/strings/str_split.h> <absl/synchronization/mutex.h>
  <absl/time/clock.h>)
set(TAREA_RPC_HEADERS ${TAREA_CORE_HEADERS} <grpcpp/grpcpp.h> <nlohmann/json.hpp>
                      <proto/tasks.grpc.pb.h>)
set(TAREA_RPC_LIBS tarea_proto nlohmann_json::nlohmann_json)
if(TAREA_CORE_ONLY)
  set(TAREA_RPC_HEADERS ${TAREA_CORE_HEADERS})
  set(TAREA_RPC_LIBS)
endif()
set(TAREA_CORE_LIBS absl::btree absl::flat_hash_map absl::statusor absl::str_format
                    absl::synchronization absl::time)

function(tarea_precompiled kind)
  cmake_parse_arguments(arg "" "" "HEADERS;LIBS" ${ARGN})
  set(empty ${PROJECT_BINARY_DIR}/precompiled/${kind}.cc)
  file(CONFIGURE OUTPUT ${empty} CONTENT "" @ONLY)
  add_library(tarea_precompiled_${kind} OBJECT EXCLUDE_FROM_ALL ${empty})
  target_link_libraries(tarea_precompiled_${kind} PRIVATE ${arg_LIBS} tarea_warnings)
  target_precompile_headers(tarea_precompiled_${kind} PRIVATE ${arg_HEADERS})
endfunction()

function(tarea_precompile target kind)
  if(kind STREQUAL test)
    target_compile_options(${target} PRIVATE -O0)
  endif()
  if(TAREA_PRECOMPILE)
    target_precompile_headers(${target} REUSE_FROM tarea_precompiled_${kind})
  endif()
endfunction()

if(TAREA_PRECOMPILE)
  tarea_precompiled(core HEADERS ${TAREA_CORE_HEADERS} LIBS ${TAREA_CORE_LIBS})
  tarea_precompiled(rpc HEADERS ${TAREA_RPC_HEADERS} LIBS ${TAREA_CORE_LIBS} ${TAREA_RPC_LIBS})
  if(TAREA_BUILD_TESTS)
    find_package(GTest REQUIRED)
    tarea_precompiled(test HEADERS ${TAREA_RPC_HEADERS} <gmock/gmock.h> <gtest/gtest.h>
                      LIBS ${TAREA_CORE_LIBS} ${TAREA_RPC_LIBS} GTest::gmock)
    target_compile_options(tarea_precompiled_test PRIVATE -O0)
  endif()
endif()
