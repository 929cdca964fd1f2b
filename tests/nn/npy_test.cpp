// .npy files, byte for byte as NumPy writes them.
#include "nn/npy.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/temp_folder.h"
#include "tests/support/values.h"

namespace moco::testing {
namespace {

TEST(Npy, AMatrixHasNumPysBytes) {
    TempFolder folder;
    write_npy(folder / "matrix.npy", formula_values(12, 6), 4);
    EXPECT_EQ(read_bytes(folder / "matrix.npy"), read_bytes(golden_path("nn.matrix.npy")));
}

TEST(Npy, LabelsHaveNumPysBytes) {
    TempFolder folder;
    write_npy(folder / "labels.npy", std::vector<int64_t>{5, -1, int64_t{1} << 40});
    EXPECT_EQ(read_bytes(folder / "labels.npy"), read_bytes(golden_path("nn.labels.npy")));
}

TEST(Npy, AMatrixMayComeInPieces) {
    TempFolder folder;
    const std::vector<float> values = formula_values(12, 6);
    NpyMatrixWriter writer(folder / "matrix.npy", 3, 4);
    writer.append(std::span(values).first(4));
    writer.append(std::span(values).subspan(4));
    writer.commit();
    EXPECT_EQ(read_bytes(folder / "matrix.npy"), read_bytes(golden_path("nn.matrix.npy")));
}

TEST(Npy, EmptyAndLargeShapesAreRead) {
    TempFolder folder;
    write_npy(folder / "none.npy", std::vector<float>{}, 7);
    EXPECT_EQ(read_npy((folder / "none.npy").string()).shape, (std::vector<int64_t>{0, 7}));
    const std::vector<float> values = formula_values(100000, 1);
    write_npy(folder / "wide.npy", values, 100000);
    const NpyArray wide = read_npy((folder / "wide.npy").string());
    EXPECT_EQ(wide.shape, (std::vector<int64_t>{1, 100000}));
    EXPECT_EQ(wide.as_float(), values);
}

TEST(Npy, RowsThatDoNotFitAreRefused) {
    TempFolder folder;
    const std::vector<float> values(8, 1.0f);
    NpyMatrixWriter writer(folder / "matrix.npy", 1, 4);
    expect_error([&] { writer.append(std::span(values).first(3)); }, {"matrix.npy", "3 values"});
    expect_error([&] { writer.append(values); }, {"matrix.npy", "8 values do not fit"});
    expect_error([&] { writer.commit(); }, {"matrix.npy", "4 values in rows of 4 are missing"});
    expect_error([&] { write_npy(folder / "m.npy", values, 3); }, {"m.npy", "8 values are no rows of 3"});
}

}  // namespace
}  // namespace moco::testing
