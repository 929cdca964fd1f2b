# What the project builds on, all of it from the system's packages (scripts/install-packages names them).
find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(Eigen3 REQUIRED)
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(Highway REQUIRED IMPORTED_TARGET libhwy)
find_path(MOCO_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb REQUIRED)
# Image formats that are read where their libraries are there.
pkg_check_modules(WebP IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(TIFF IMPORTED_TARGET libtiff-4>=4.5)
if(MOCO_TESTS)
    find_package(GTest REQUIRED)
    find_package(benchmark REQUIRED)
endif()

# liblbfgs comes without a pkg-config file.
find_path(LBFGS_INCLUDE_DIR lbfgs.h REQUIRED)
find_library(LBFGS_LIBRARY lbfgs REQUIRED)
add_library(Lbfgs::Lbfgs UNKNOWN IMPORTED)
set_target_properties(Lbfgs::Lbfgs PROPERTIES IMPORTED_LOCATION "${LBFGS_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${LBFGS_INCLUDE_DIR}")
