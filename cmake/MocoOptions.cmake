# Build options, compiler flags, compiler cache.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
    set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

option(MOCO_TESTS "Build the tests and benchmarks" ON)
set(MOCO_SANITIZE "" CACHE STRING "Sanitizers to build with: address, undefined, thread, or a list such as address,undefined")
set_property(CACHE MOCO_SANITIZE PROPERTY STRINGS "" address undefined thread)

option(MOCO_FUZZ "Build the libFuzzer targets (preset fuzz)" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-Wall;-Wextra;-Wpedantic;-Wshadow;-Werror>")
# The same bits everywhere but where a kernel asks for a fused multiply-add itself.
add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:-ffp-contract=off>")
if(MOCO_SANITIZE)
    add_compile_options(-fsanitize=${MOCO_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all -g1)
    add_link_options(-fsanitize=${MOCO_SANITIZE})
endif()

find_program(MOCO_CCACHE ccache)
if(MOCO_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${MOCO_CCACHE})
endif()
