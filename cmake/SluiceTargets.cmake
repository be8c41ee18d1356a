# One folder = one CMake target = one room.
#
#   sluice_library(SOURCES a.cc b.cc DEPS common/base absl::status)
#   sluice_test(a_test.cc DEPS common/testing)
#   sluice_binary(sluice-tokenizer SOURCES main.cc DEPS ...)
#
# The target of folder common/base is common_base. DEPS is mandatory (it may be
# empty): entries with a '/' but no '::' name folders, the rest are library
# targets.

function(sluice_target_name folder out)
  string(REPLACE "/" "_" name "${folder}")
  set(${out} "${name}" PARENT_SCOPE)
endfunction()

function(_sluice_resolve_deps out)
  set(resolved "")
  foreach(dep IN LISTS ARGN)
    if(dep MATCHES "/" AND NOT dep MATCHES "::" AND NOT IS_ABSOLUTE "${dep}")
      sluice_target_name("${dep}" dep)
    endif()
    list(APPEND resolved "${dep}")
  endforeach()
  set(${out} "${resolved}" PARENT_SCOPE)
endfunction()

function(_sluice_this_folder out)
  file(RELATIVE_PATH folder "${PROJECT_SOURCE_DIR}"
       "${CMAKE_CURRENT_SOURCE_DIR}")
  set(${out} "${folder}" PARENT_SCOPE)
endfunction()

function(sluice_library)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT "DEPS" IN_LIST ARGN)
    message(FATAL_ERROR "sluice_library: DEPS is mandatory (may be empty)")
  endif()
  _sluice_this_folder(folder)
  sluice_target_name("${folder}" target)
  _sluice_resolve_deps(deps ${ARG_DEPS})
  if(ARG_SOURCES)
    add_library(${target} STATIC ${ARG_SOURCES})
    target_include_directories(${target} PUBLIC "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${target} PUBLIC ${deps})
  else()
    add_library(${target} INTERFACE)
    target_include_directories(${target} INTERFACE "${PROJECT_SOURCE_DIR}")
    target_link_libraries(${target} INTERFACE ${deps})
  endif()
endfunction()

# A test binary of gtest cases beside the code; it links its own folder.
function(sluice_test source)
  if(NOT SLUICE_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "" "TIMEOUT" "DEPS;LABELS" ${ARGN})
  _sluice_this_folder(folder)
  sluice_target_name("${folder}" room)
  string(REGEX REPLACE "\\.cc$" "" stem "${source}")
  set(target "${room}_${stem}")
  _sluice_resolve_deps(deps ${ARG_DEPS})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${target} ${source})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}")
  if(TARGET ${room})
    target_link_libraries(${target} PRIVATE ${room})
  endif()
  target_link_libraries(${target} PRIVATE ${deps} GTest::gtest GTest::gmock
                                          GTest::gtest_main)
  add_test(NAME ${folder}/${stem} COMMAND ${target})
  set_tests_properties(${folder}/${stem} PROPERTIES
    TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
    SKIP_REGULAR_EXPRESSION "SKIPPED WHOLE BINARY")
endfunction()

function(sluice_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  _sluice_resolve_deps(deps ${ARG_DEPS})
  add_executable(${name} ${ARG_SOURCES})
  target_include_directories(${name} PRIVATE "${PROJECT_SOURCE_DIR}")
  target_link_libraries(${name} PRIVATE ${deps})
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/bin")
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# In ThreadSanitizer builds: adds to this folder's library a source that
# interposes functions of shared libraries (common/base/tsan_interpose.h). One
# symbol that it defines makes every program take it from the archive.
function(sluice_tsan_source source symbol)
  if(NOT SLUICE_SANITIZE MATCHES "thread")
    return()
  endif()
  _sluice_this_folder(folder)
  sluice_target_name("${folder}" target)
  target_sources(${target} PRIVATE ${source})
  set_source_files_properties(${source} PROPERTIES
    COMPILE_OPTIONS -fno-sanitize=thread)
  target_link_options(${target} PUBLIC "LINKER:--undefined=${symbol}")
endfunction()
