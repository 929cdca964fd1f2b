#include "core/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/backend.h"
#include "tests/support/test_backend.h"

namespace moco {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

template <typename F>
std::string message_of(F&& body) {
    try {
        body();
    } catch (const Error& error) {
        return error.what();
    }
    return "nothing was thrown";
}

TEST(Shape, KnowsItsCountAndText) {
    EXPECT_EQ(to_string(Shape{128, 16, 16, 32}), "128x16x16x32");
    EXPECT_EQ(to_string(Shape{}), "scalar");
    EXPECT_EQ(Shape{}.count(), 1);
    EXPECT_EQ((Shape{3, 0, 2}).count(), 0);
    EXPECT_EQ((Shape{4, 5}).with_rows(2), (Shape{2, 5}));
    EXPECT_NE((Shape{4, 5}), (Shape{4, 5, 1}));
    EXPECT_THAT(message_of([] { Shape{2, -1}; }), HasSubstr("-1 is negative"));
    EXPECT_THAT(message_of([] { (Shape{2})[1]; }), HasSubstr("dimension 1 of a shape of rank 1"));
}

TEST(Tensor, CarriesValuesThereAndBack) {
    const Tensor x = Tensor::from_host<float>({1, 2, 3, 4, 5, 6}, {3, 2}, testing::cpu());
    EXPECT_THAT(x.to_vector(), ElementsAre(1, 2, 3, 4, 5, 6));
    EXPECT_EQ(to_string(x), "3x2 f32");
    EXPECT_EQ(x.bytes(), 24u);
    const Tensor labels = Tensor::from_host<int64_t>({7, 8}, {2}, testing::cpu());
    EXPECT_THAT(labels.to_vector<int64_t>(), ElementsAre(7, 8));
    EXPECT_THAT(Tensor::zeros({2}, DType::f32, testing::cpu()).to_vector(), ElementsAre(0, 0));
    EXPECT_EQ(Tensor::full({}, 2.5f, testing::cpu()).item(), 2.5f);
}

TEST(Tensor, RowsAndViewsShareMemoryAndVersion) {
    Tensor x = Tensor::from_host<float>({1, 2, 3, 4, 5, 6}, {3, 2}, testing::cpu());
    Tensor middle = x.rows(1, 2);
    EXPECT_THAT(middle.to_vector(), ElementsAre(3, 4));
    const uint64_t before = x.version();
    middle.copy_from(Tensor::full({1, 2}, 9, testing::cpu()));
    EXPECT_THAT(x.to_vector(), ElementsAre(1, 2, 9, 9, 5, 6));
    EXPECT_GT(x.version(), before);
    EXPECT_EQ(x.viewed_as({6}).data(), x.data());
    EXPECT_EQ(x.rows(1, 1).count(), 0);
}

TEST(Tensor, SaysWhatIsWrong) {
    Tensor x = Tensor::zeros({3, 2}, DType::f32, testing::cpu());
    EXPECT_THAT(message_of([&] { x.rows(2, 4); }), HasSubstr("[2, 4) of a tensor of shape 3x2"));
    EXPECT_THAT(message_of([&] { x.viewed_as({5}); }), HasSubstr("6 elements of shape 3x2 cannot be seen as 5"));
    EXPECT_THAT(message_of([&] { x.data<int64_t>(); }), HasSubstr("is f32, accessed as i64"));
    EXPECT_THAT(message_of([&] { x.item(); }), HasSubstr("shape 3x2, expected one element"));
    EXPECT_THAT(message_of([&] {
                    x.copy_from(Tensor::zeros({2, 3}, DType::f32, testing::cpu()));
                }),
                HasSubstr("target is 3x2 f32, source is 2x3 f32"));
    EXPECT_THAT(message_of([] { Tensor().shape(); }), HasSubstr("undefined"));
    EXPECT_THAT(message_of([] {
                    Tensor::from_host<float>({1, 2}, {3}, testing::cpu());
                }),
                HasSubstr("2 values do not fill shape 3"));
}

}  // namespace
}  // namespace moco
