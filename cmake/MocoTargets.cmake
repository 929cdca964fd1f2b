# The three kinds of target: a room's library, a room's tests, a program.

# moco_library(ROOM LINKS ... PRIVATE_LINKS ...): every source below ROOM/ in one static library moco_ROOM.
function(moco_library room)
    cmake_parse_arguments(ARG "" "" "LINKS;PRIVATE_LINKS" ${ARGN})
    file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/${room}/*.cpp)
    add_library(moco_${room} STATIC ${sources})
    target_include_directories(moco_${room} PUBLIC ${CMAKE_SOURCE_DIR})
    target_include_directories(moco_${room} SYSTEM PRIVATE ${MOCO_STB_INCLUDE_DIR})
    target_link_libraries(moco_${room} PUBLIC ${ARG_LINKS} PRIVATE ${ARG_PRIVATE_LINKS})
endfunction()

# moco_test(ROOM LINKS ...): tests/ROOM/*_test.cpp becomes ROOM_test (label ROOM-fast), tests/ROOM/*_slow_test.cpp becomes
# ROOM_slow_test (label ROOM-slow). One label each: gtest_discover_tests takes no list.
function(moco_test room)
    cmake_parse_arguments(ARG "" "" "LINKS" ${ARGN})
    file(GLOB_RECURSE fast CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${room}/*_test.cpp)
    set(slow ${fast})
    list(FILTER fast EXCLUDE REGEX "_slow_test\\.cpp$")
    list(FILTER slow INCLUDE REGEX "_slow_test\\.cpp$")
    foreach(speed fast slow)
        if(${speed})
            set(name ${room}_test)
            if("${speed}" STREQUAL "slow")
                set(name ${room}_slow_test)
            endif()
            add_executable(${name} ${${speed}})
            target_link_libraries(${name} PRIVATE moco_test_support ${ARG_LINKS} GTest::gtest GTest::gmock)
            gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES LABELS ${room}-${speed} TIMEOUT 900)
        endif()
    endforeach()
endfunction()

# moco_cuda_tests(): each tests/cuda/X_test.cpp becomes a program cuda_X_test (label cuda-fast; X_slow_test: cuda-slow),
# all of them the target cuda_tests. They skip where the runtime finds no device. cudnn_* and cublas_* link NVIDIA's
# libraries, the others the hand-written kernels only; emulated_* exist in the emulated build.
function(moco_cuda_tests)
    add_custom_target(cuda_tests)
    file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/cuda/*_test.cpp)
    if(NOT TARGET moco_cuda_emulated)
        list(FILTER tests EXCLUDE REGEX "/emulated_[a-z_0-9]*\\.cpp$")
    endif()
    foreach(test ${tests})
        get_filename_component(name ${test} NAME_WE)
        set(library moco_cuda_kernels)
        if(name MATCHES "^(cudnn|cublas)_")
            set(library moco_cuda)
        endif()
        set(speed fast)
        if(name MATCHES "_slow_test$")
            set(speed slow)
        endif()
        add_executable(cuda_${name} ${test})
        target_link_libraries(cuda_${name} PRIVATE moco_test_values ${library} GTest::gtest GTest::gmock)
        gtest_discover_tests(cuda_${name} DISCOVERY_MODE PRE_TEST DISCOVERY_TIMEOUT 60
            PROPERTIES LABELS cuda-${speed} TIMEOUT 900 ENVIRONMENT MOCO_EMULATED_LEAKS=fail)
        add_dependencies(cuda_tests cuda_${name})
    endforeach()
endfunction()
