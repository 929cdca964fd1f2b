// Evaluation: transforms and the loader that applies them.
#include <gtest/gtest.h>

#include "moco/data/folder_dataset.h"
#include "moco/data/loader.h"
#include "moco/data/shapes.h"
#include "tests/moco/data/flawed_dataset.h"
#include "tests/moco/data/jpeg_writer.h"
#include "tests/support/expect_error.h"
#include "tests/support/npy.h"
#include "tests/support/peak_memory.h"
#include "tests/support/temp_folder.h"
#include "tests/support/test_backend.h"

namespace moco::testing {
namespace {

TEST(EvalTransform, NamesAreUnderstood) {
    EXPECT_EQ(transform_named("none").kind, TransformKind::none);
    const EvalTransform imagenet = transform_named("imagenet-eval");
    EXPECT_EQ(imagenet.resize, 256);
    EXPECT_EQ(imagenet.crop, 224);
    EXPECT_EQ(transform_named("resize-crop:36:32").resize, 36);
    for (const char* name :
         {"", "imagenet", "resize-crop", "resize-crop:1", "resize-crop:8:9", "resize-crop:-8:-9", "resize-crop:8:8x"}) {
        expect_error([&] { transform_named(name); }, {"imagenet-eval", "resize-crop:R:C"});
    }
}

TEST(EvalTransform, DefaultsFollowTheData) {
    DatasetInfo small, folder;
    small.H = small.W = 32;
    EXPECT_EQ(default_transform(small, 32).kind, TransformKind::none);
    EXPECT_EQ(default_transform(small, 0).kind, TransformKind::none);
    EXPECT_EQ(default_transform(small, 28).crop, 28);
    EXPECT_EQ(default_transform(folder, 224).resize, 256);
    EXPECT_EQ(default_transform(folder, 0).crop, 224);
    EXPECT_EQ(output_size(transform_named("none"), small), 32);
    expect_error([&] { output_size(transform_named("none"), folder); }, {"--transform none", "imagenet-eval"});
}

class EvalLoaderTest : public EachBackend {};

TEST_P(EvalLoaderTest, EveryImageOnceInOrderUnreadableOnesLeftOut) {
    const DatasetPtr whole = open_shapes(70).train;
    const auto data = std::make_shared<FlawedDataset>(whole, std::set<int64_t>{0, 20, 21, 69});
    for (const int workers : {0, 1, 3}) {
        EvalLoaderOptions options;
        options.batch = 32;
        options.workers = workers;
        EvalLoader loader(data, {}, options, backend());
        EXPECT_EQ(loader.batches(), 3);
        std::vector<int64_t> seen, unreadable;
        while (const auto batch = loader.next()) {
            ASSERT_EQ(batch->images.dim(0), static_cast<int64_t>(batch->indices.size()));
            for (const Unreadable& u : batch->unreadable) unreadable.push_back(u.index);
            for (size_t n = 0; n < batch->indices.size(); ++n) {
                seen.push_back(batch->indices[n]);
                const Image image = whole->load(batch->indices[n]);
                const AugmentParams params = evaluation_params({}, whole->info().normalization, 32, 32, 32);
                const auto row = static_cast<int64_t>(n);
                ASSERT_EQ(batch->images.rows(row, row + 1).to_vector(), augmented(image, params, 32, backend()));
            }
        }
        EXPECT_EQ(unreadable, (std::vector<int64_t>{0, 20, 21, 69}));
        EXPECT_EQ(seen.size(), 66u);
        EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
    }
}

TEST_P(EvalLoaderTest, ALimitStopsEarly) {
    EvalLoaderOptions options;
    options.batch = 8;
    options.limit = 11;
    EvalLoader loader(open_shapes(70).train, {}, options, backend());
    EXPECT_EQ(loader.next()->indices.size(), 8u);
    EXPECT_EQ(loader.next()->indices.size(), 3u);
    EXPECT_FALSE(loader.next().has_value());
}

TEST_P(EvalLoaderTest, FolderImagesAreDecodedAtFullSize) {
    TempFolder folder;
    write_bytes(folder / "a.jpg", write_jpeg(smooth_image(300, 400, 3), JpegColours::rgb, 90));
    const DatasetPtr data = open_folder(folder.path(), {}).train;
    const EvalTransform transform = transform_named("resize-crop:36:32");
    EvalLoader loader(data, transform, {}, backend());
    const AugmentParams params = evaluation_params(transform, data->info().normalization, 32, 300, 400);
    EXPECT_EQ(loader.next()->images.to_vector(), augmented(data->load(0), params, 32, backend()));
}

TEST_P(EvalLoaderTest, AnImageWithoutPixelsIsLeftOut) {
    TempFolder folder;
    std::string empty = read_bytes(golden_path("decode/rgb.bmp"));
    for (size_t i = 18; i < 22; ++i) empty[i] = '\0';
    write_bytes(folder / "a.bmp", empty);
    write_bytes(folder / "b.jpg", write_jpeg(smooth_image(30, 40, 3), JpegColours::rgb, 90));
    EvalLoader loader(open_folder(folder.path(), {}).train, transform_named("resize-crop:36:32"), {}, backend());
    const auto batch = loader.next();
    EXPECT_EQ(batch->indices, (std::vector<int64_t>{1}));
    ASSERT_EQ(batch->unreadable.size(), 1u);
    EXPECT_NE(batch->unreadable[0].reason.find("a.bmp: an image of 0 x 19 has no pixels"), std::string::npos);
}

TEST_P(EvalLoaderTest, LargeImagesAreTransformedBeforeOthersAreDecoded) {
    if (kFreedMemoryIsKept) GTEST_SKIP() << "a sanitizer keeps what was freed";
    if (backend().name() != "cpu") GTEST_SKIP() << "the emulated device's memory is the process's too";
    TempFolder folder;
    std::string large = read_bytes(golden_path("decode/rgb.bmp")).substr(0, 54);
    const int64_t side = 2048, count = 8;
    for (size_t i = 0; i < 2; ++i) large[18 + i] = large[22 + i] = static_cast<char>(side >> (8 * i));
    large.resize(static_cast<size_t>(54 + 3 * side * side));
    for (int64_t i = 0; i < count; ++i) write_bytes(folder / (std::to_string(i) + ".bmp"), large);
    const DatasetPtr data = open_folder(folder.path(), {}).train;
    EvalLoaderOptions options;
    options.workers = 0;
    options.batch = count;
    const int64_t before = peak_memory_from_now();
    EvalLoader loader(data, transform_named("resize-crop:36:32"), options, backend());
    EXPECT_EQ(loader.next()->indices.size(), static_cast<size_t>(count));
    // One image as a file, in stb and here: 36 MiB; all of them would be 96 more.
    EXPECT_LT(peak_memory() - before, 80 << 20);
}

MOCO_FOR_EACH_BACKEND(EvalLoaderTest);

}  // namespace
}  // namespace moco::testing
